"""Where things live in the store. All keys are relative to the store's prefix (``/grille/``)."""

from __future__ import annotations

SCHEMA = "schema"
SCHEMA_VERSION = 1

APPS = "apps/"
RELEASES = "releases/"
FORMATIONS = "formations/"
HOSTS = "hosts/"
NETWORKS = "networks/"
JOBS = "jobs/"
QUEUE = "queue/"
SERVICES = "services/"
OUTSIDE = "outside/"
ROUTES = "routes/"
ROUTERS = "routers/"
ROUTING_APPS = "routing/apps/"
CERTIFICATES = "routing/certificates/"
CHALLENGES = "routing/challenges/"
ACME = "acme/"
ACME_SETTINGS = "acme/settings"
ACME_ACCOUNT = "acme/account"
ACME_ORDERS = "acme/orders/"
CONFIG = "config/"
ROLLOUTS = "rollouts/"
LOCKS = "locks/"
ELECTION = "election/"

# One range that holds routes/, routing/ and services/ and little else, so that one watch orders them: a router that
# has applied revision R of this range has seen every route, certificate and instance up to R.
ROUTING = (ROUTES, "services0")

QUEUES = ("services", "ephemeral", "builds")


def app(name: str) -> str:
    """The key of an app's record (specs.App)."""
    return f"{APPS}{name}"


def release(app_name: str, version: int) -> str:
    """The key of a release (specs.Release); zero-padded so that keys sort as versions do."""
    return f"{RELEASES}{app_name}/{version:08d}"


def formation(app_name: str) -> str:
    """The key of an app's formation (specs.Formation)."""
    return f"{FORMATIONS}{app_name}"


def host_status(host: str) -> str:
    """The key of a host's status (specs.HostStatus), under its agent's lease."""
    return f"{HOSTS}{host}/status"


def host_network(host: str) -> str:
    """The key of a host's containers' network (specs.HostNetwork); it stays when the host is away."""
    return f"{NETWORKS}{host}"


def jobs_of(host: str) -> str:
    """The prefix of one host's jobs."""
    return f"{JOBS}{host}/"


def job_spec(host: str, job: str) -> str:
    """The key of a job's desired state (specs.JobSpec)."""
    return f"{JOBS}{host}/{job}/spec"


def job_status(host: str, job: str) -> str:
    """The key of a job's status (specs.JobStatus), written by the host's agent alone."""
    return f"{JOBS}{host}/{job}/status"


def ticket(queue: str, ident: str) -> str:
    """The key of a ticket (specs.Ticket) in one of QUEUES."""
    return f"{QUEUE}{queue}/{ident}"


def instance(service: str, ident: str) -> str:
    """The key of a service's instance (specs.Instance), under a lease."""
    return f"{SERVICES}{service}/{ident}"


def service_settings(service: str) -> str:
    """The key of a service's settings (discovery.ServiceSettings)."""
    return f"{SERVICES}{service}/.settings"


def outside(service: str, ident: str) -> str:
    """The key of something outside the grid that discoverd checks (discovery.Outside)."""
    return f"{OUTSIDE}{service}/{ident}"


def config(scope: str, version: int) -> str:
    """The key of one version of a scope's configuration (configuration.ConfigVersion); sorts as versions do."""
    return f"{CONFIG}{scope}/{version:08d}"


def config_version(key: str) -> tuple[str, int] | None:
    """Scope and version in a key that ``config`` made; None for any other key."""
    scope, _, version = key.removeprefix(CONFIG).rpartition("/")
    return (scope, int(version)) if key.startswith(CONFIG) and scope.count("/") == 1 and version.isdecimal() else None


def rollout(name: str) -> str:
    """The key of the roll-out of a shared set's change (configuration.Rollout); it goes when no app is left."""
    return f"{ROLLOUTS}{name}"


def lock(name: str, ident: str) -> str:
    """The key of one holder of, or waiter for, a lock (configuration.Lock), under a lease."""
    return f"{LOCKS}{name}/{ident}"


def route(ident: str) -> str:
    """The key of a route (specs.Route)."""
    return f"{ROUTES}{ident}"


def router(ident: str) -> str:
    """The key of a router's status (specs.RouterStatus), under its lease."""
    return f"{ROUTERS}{ident}"


def routing_app(app_name: str) -> str:
    """The key of what holds for all routes of an app (routing.AppRouting)."""
    return f"{ROUTING_APPS}{app_name}"


def certificate(ident: str) -> str:
    """The key of a certificate (routing.Certificate)."""
    return f"{CERTIFICATES}{ident}"


def challenge(host: str) -> str:
    """The key of what an ACME server is told when it asks for ``host`` (routing.Challenge)."""
    return f"{CHALLENGES}{host}"


def acme_order(ident: str) -> str:
    """The key of the ACME order under way for a certificate (acme.AcmeOrder)."""
    return f"{ACME_ORDERS}{ident}"
