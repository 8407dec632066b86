"""What is known of a model, in one line for people. No Qt."""

from app.desktop.language import localize, tr
from app.desktop.machine import format_bytes
from app.threads.model_library import ModelFacts, format_count


def describe_facts(facts: ModelFacts) -> str:
    """Size, parameters, architecture, quantization, chat template and licence in one line."""
    parts = [format_bytes(facts.size)]
    if facts.parameters:
        parts.append(tr("{count} parameters", count=localize(format_count(facts.parameters))))
    parts.append(facts.architecture or tr("unknown architecture"))
    if facts.quantized:
        parts.append(facts.quantized)
    parts.append(tr("chat template") if facts.chat_template else tr("no chat template"))
    if facts.license:
        parts.append(facts.license)
    return " · ".join(parts)
