"""A verdict is kept with the sentence that it is said in."""

from pathlib import Path

from core.ane.verdict import refused
from core.ane.verdict_cache import VerdictCache
from core.text.sentence import Sentence, say


def test_the_reason_can_be_said_in_another_language_again(tmp_path: Path) -> None:
    said = say("Core ML did not come to an end within {seconds:.0f} seconds ({stage}).", seconds=60, stage="compile")
    VerdictCache(tmp_path / "v").put("a", refused("timeout", said), {"error": 0.5})
    found = VerdictCache(tmp_path / "v").get("a")
    assert found is not None and found[0] is not None and found[1] == {"error": 0.5}
    assert found[0].reason == said and isinstance(found[0].reason, Sentence)
