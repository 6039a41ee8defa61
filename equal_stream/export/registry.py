"""The export formats by name."""

from equal_stream.errors import ConfigurationError
from equal_stream.export.alpaca import AlpacaFormat
from equal_stream.export.base import ExportFormat
from equal_stream.export.messages import MessagesFormat
from equal_stream.export.parquet import ParquetFormat
from equal_stream.export.prompt_completion import PromptCompletionFormat
from equal_stream.export.sharegpt import ShareGptFormat

FORMATS: tuple[ExportFormat, ...] = (
    MessagesFormat(),
    PromptCompletionFormat(),
    AlpacaFormat(),
    ShareGptFormat(),
    ParquetFormat(),
)


def format_named(name: str) -> ExportFormat:
    """Return the format of that name; raises `ConfigurationError` when there is none."""
    for each in FORMATS:
        if each.name == name:
            return each
    raise ConfigurationError(
        f"there is no format {name}; there are {', '.join(each.name for each in FORMATS)}"
    )
