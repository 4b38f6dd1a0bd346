"""What a reader of scores must know of the rows that they come from."""

from __future__ import annotations

import pandas as pd

from commands.score_inputs import adaptive_notes


def test_adaptive_rows_are_told_of() -> None:
    assert adaptive_notes(pd.DataFrame({"level": [1, 2]})) == ()
    assert adaptive_notes(pd.DataFrame({"adaptive": [False, None]}, dtype="boolean")) == ()
    assert adaptive_notes(pd.DataFrame({"adaptive": [True, False, True]})) == (
        "2 rows are adaptive: who answers better is shown harder pictures, so that recognition at their "
        "severities is not that of all participants.",
    )
