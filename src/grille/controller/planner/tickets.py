"""What all queues share: who is next, how a ticket ends, when it is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grille.wire.keys import QUEUES
from grille.wire.specs import QueueName, Ticket, TicketState

from .types import Action, DeleteTicket, SetTicket
from .view import View


def end(ticket: Ticket, now: float, state: TicketState, reason: str, code: str, remedy: str) -> Ticket:
    """``ticket`` as it ends."""
    return replace(ticket, state=state, finished=now, reason=reason, code=code, remedy=remedy)


def cancel(ticket: Ticket, now: float, reason: str = "cancelled by the user") -> SetTicket:
    """End a ticket because somebody no longer wants it."""
    return SetTicket(ticket, end(ticket, now, "cancelled", reason, "cancelled", ""))


def startable(view: View, queue: QueueName, most: int, busy: set[str] | None) -> Iterator[Ticket]:
    """The queued tickets that may start now, oldest first.

    Args:
        most: tickets of the queue that may run at a time.
        busy: the apps that have one running, where an app may have only one; None where it may have more.
    """
    tickets = view.open_tickets[queue]
    free = most - sum(ticket.state == "running" for ticket in tickets)
    taken = set(busy or ())
    for ticket in tickets:
        if ticket.state != "queued" or ticket.cancel or (busy is not None and ticket.app in taken):
            continue
        taken.add(ticket.app)  # an older ticket of the app that waits keeps its place
        if free > 0 and ticket.not_before <= view.now and not doomed(view, ticket):
            free -= 1
            yield ticket


def unwanted(view: View) -> Iterator[Action]:
    """End what nobody wants any more: cancelled while queued, or of an app that is being destroyed."""
    for queue in QUEUES:
        for ticket in view.open_tickets[queue]:  # type: ignore[index]
            if doomed(view, ticket):
                yield cancel(ticket, view.now, f"{ticket.app} is being destroyed")
            elif ticket.cancel and ticket.state == "queued":
                yield cancel(ticket, view.now)


def doomed(view: View, ticket: Ticket) -> bool:
    """Whether the ticket's app is being destroyed, so that all its tickets are cancelled."""
    app = view.state.apps.get(ticket.app)
    return app is not None and app.destroying


def prune(view: View) -> Iterator[Action]:
    """Drop ended tickets by age and number."""
    limits = view.limits
    ended: dict[str, list[Ticket]] = {queue: [] for queue in QUEUES}
    for ticket in view.state.tickets.values():
        if ticket.state not in ("queued", "running"):
            ended[ticket.queue].append(ticket)
    for tickets in ended.values():
        tickets.sort(key=lambda ticket: (-ticket.finished, ticket.id))
        for place, ticket in enumerate(tickets):
            age = view.now - ticket.finished
            if age > limits.keep_tickets or (place >= limits.keep_tickets_count and age > limits.keep_jobs):
                yield DeleteTicket(ticket)
