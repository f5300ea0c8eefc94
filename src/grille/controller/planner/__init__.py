"""The planner: a pure function from one snapshot of the grid (State) to what is to be done next (Actions).

Imports grille.wire and itself only, never a module that does I/O or reads the clock; a test holds that.
"""

from .changes import merge_env, merge_scale, next_formation, same_release, scale_formation
from .plan import plan
from .types import (
    Action,
    DeleteApp,
    DeleteJob,
    DeleteRelease,
    DeleteTicket,
    FinishBuild,
    Images,
    Job,
    Limits,
    SetDeployment,
    SetTicket,
    StartJob,
    State,
    StopJob,
)

__all__ = [
    "Action",
    "DeleteApp",
    "DeleteJob",
    "DeleteRelease",
    "DeleteTicket",
    "FinishBuild",
    "Images",
    "Job",
    "Limits",
    "SetDeployment",
    "SetTicket",
    "StartJob",
    "State",
    "StopJob",
    "merge_env",
    "merge_scale",
    "next_formation",
    "plan",
    "same_release",
    "scale_formation",
]
