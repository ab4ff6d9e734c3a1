"""A second opinion: one question about a finding, to be answered yes or no, read as a probability.

What counts is not the word that the model writes but how sure it is of it: the log-probabilities of the words that mean
yes, against those that mean no, at the place where it answers. A model that reasons first answers at the end, and what
it thought by then is in that figure: it is close to 0 or 1, and says less than that of a model that answers at once.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.checking.calibration import sigmoid
from reviewer.prompting.reply import InvalidReplyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.engine.client.wire import Completion

YES, NO = "yes", "no"
# e**-100 is no probability that anything depends on; servers write -9999 for a token that they ruled out.
_LEAST = -100.0
_MARKS = "`*\"'.,:;!()[]"


@dataclass(frozen=True, slots=True)
class Opinion:
    """How sure the model is.

    Attributes:
        logit: ln P(yes) - ln P(no); above 0 means yes.
    """

    logit: float

    @property
    def probability(self) -> float:
        """P(yes) / (P(yes) + P(no))."""
        return sigmoid(self.logit)


def weigh(completion: Completion) -> str:
    """Keep of an answer what matters, as text for the cache: the log-probabilities of yes and of no.

    Empty where the answer is neither, or comes without log-probabilities.
    """
    place = _answering(completion.logprobs)
    if place is None or not completion.text.strip():  # a reasoning model that was cut while it thought
        return ""
    masses = {word: _mass(word, place) for word in (YES, NO)}
    # A word that is not among the likely tokens is less likely than each of them.
    floor = max(_LEAST, min(map(_bounded, place.values())))
    known = {word: floor if mass is None else mass for word, mass in masses.items()}
    return json.dumps({word: round(mass, 6) for word, mass in known.items()})


def read_opinion(text: str, *, truncated: bool) -> Opinion:  # noqa: ARG001 - one token is all that is asked for
    """Read what ``weigh`` wrote.

    Raises:
        InvalidReplyError: There is no probability in it.
    """
    try:
        data = json.loads(text)
        yes, no = float(data[YES]), float(data[NO])
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidReplyError("the answer to the second opinion is neither yes nor no") from error
    if not (math.isfinite(yes) and math.isfinite(no)):
        raise InvalidReplyError("the second opinion has no probability")
    return Opinion(yes - no)


def _answering(places: Sequence[Mapping[str, float]]) -> Mapping[str, float] | None:
    """The last place whose generated token, the first one there, is a yes or a no; else the first place that knows one.

    The second is for a model that says something else, such as the beginning of a sentence, with yes and no in mind.
    """
    known = [place for place in places if place]
    said = (place for place in reversed(known) if _word(next(iter(place))) is not None)
    in_mind = (place for place in known if any(_word(token) is not None for token in place))
    return next(said, None) or next(in_mind, None)


def _mass(word: str, place: Mapping[str, float]) -> float | None:
    """The log of the sum of the probabilities of all tokens that write the word; None where there is none."""
    found = [_bounded(logprob) for token, logprob in place.items() if _word(token) == word]
    return max(_LEAST, math.log(sum(map(math.exp, found)))) if found else None


def _word(token: str) -> str | None:
    """Which word a token writes: ``Yes``, `` yes``, ``"no``; or None."""
    plain = token.strip().strip(_MARKS).strip().lower()
    return plain if plain in (YES, NO) else None


def _bounded(logprob: float) -> float:
    return max(_LEAST, min(0.0, logprob)) if math.isfinite(logprob) else _LEAST
