"""Logs of the daemons: structlog, one JSON object a line on stderr, where Docker keeps them."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(brick: str, level: str = "info") -> None:
    """Set up structlog and the standard library's logging for one daemon.

    Args:
        level: debug, info, warning or error; anything else means info.
    """
    number = getattr(logging, level.upper(), logging.INFO)
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(brick=brick)
