"""Log lines: JSON, one object a line, or coloured text on a terminal."""

import logging
import sys

import structlog
import structlog.tracebacks


# Without the values of variables: among these are tokens and passwords.
_tracebacks = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def configure(level: str, form: str) -> None:
    """Set up logging for the process; lines go to standard error.

    `level` is debug, info, warning or error; `form` is json, console or auto.
    """
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    renderer: structlog.typing.Processor
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback
        )
        tracebacks: list[structlog.typing.Processor] = []
    else:
        renderer = structlog.processors.JSONRenderer()
        tracebacks = [_tracebacks]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tracebacks,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # What libraries have to say is shown from warnings on, in the same form.
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()])


class _Libraries(logging.Handler):
    """Makes our log lines of what libraries say."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        structlog.get_logger().log(
            record.levelno,
            "library.said",
            library=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info,
        )
