"""What a provider tells of a take besides its files: the seed it used, and the prompt it made of ours.

Read from the answer, which is kept whole on the take; so takes of years ago have it, too. It is somebody
else's text: as long as a prompt at most, without what nobody sees, and never markup.
"""

from dataclasses import dataclass
from typing import Any

from backend.domain.text import clean_text
from backend.models import Job

#: What models call the prompt that they made of the one they were given, the clearest name first; `prompt`
#: is often only ours again.
PROMPT_NAMES = ("actual_prompt", "expanded_prompt", "revised_prompt", "enhanced_prompt", "prompt")
#: As long as the longest prompt.
PROMPT_MAX_CHARS = 20_000
#: Greater ones fit no database and no other program.
SEED_BELOW = 2**63


@dataclass(frozen=True)
class ProviderSaid:
    """seed: that it used; prompt: what it made of the one that was sent, if it says so and it is another."""

    seed: int | None
    prompt: str | None


def provider_said(job: Job) -> ProviderSaid:
    """What the provider's answer tells of a take; nothing before there is one."""
    output = job.result if isinstance(job.result, dict) else {}
    return ProviderSaid(_seed(output.get("seed")), _prompt(output, job.sent_prompt))


def _seed(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    whole = isinstance(value, int) or value.is_integer()
    return int(value) if whole and abs(value) < SEED_BELOW else None


def _prompt(output: dict[str, Any], sent: str) -> str | None:
    for name in PROMPT_NAMES:
        value = output.get(name)
        if not isinstance(value, str):
            continue
        told = clean_text(value[: 2 * PROMPT_MAX_CHARS]).strip()[:PROMPT_MAX_CHARS]
        if told and told.split() != sent.split():
            return told
    return None
