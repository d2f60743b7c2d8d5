"""The methods of the async client that are about churn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trueline import churn_calls
from trueline.calls import Answer, Call
from trueline.churn import ChurnDrift, ChurnModel, ChurnModelSummary, ChurnPredictions, ChurnSegments
from trueline.churn_calls import ChurnTable
from trueline.operations import Operation


class AsyncChurnMethods:
    """Calls of the ChurnService, over the calls of the client that has them.

    `document` names a ChurnModel document in force, "" = "accounts"; `model_id` a model that was trained, "" = the
    active one of the document. A table has its values by column; None is missing.
    """

    async def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    async def train_churn_model(
        self,
        *,
        document: str = "",
        table: ChurnTable | None = None,
        label: str = "",
        id: str = "",  # noqa: A002 as the contract calls it
        churned: str = "",
        keep: Sequence[str] = (),
        seed: int = 0,
        at: datetime | None = None,
        min_position: int = 0,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Operation:
        """Begin to train a model, from facts and metrics or from a table; the operation's result is a ChurnTraining.

        Args:
            document: what a model is of.
            table: learn from it, and from no facts and metrics.
            label: its column that tells who left; "" = by its name.
            id: its column with the ids; "" = by its name, or none.
            churned: the label's value that means that they left; "" = by what such values usually are.
            keep: columns that stay even if they alone tell who left, or look like ids.
            seed: of all that is drawn.
            at: learn with what was known by then; None = now.
            min_position: wait until the events up to this log position are in; 0 = do not wait.
            request_id: begins the same work once.
            timeout: seconds.

        Raises:
            PreconditionError: the server has no scikit-learn.
            InvalidRequestError: the table has no such column, or its labels cannot be told apart.

        """
        call = churn_calls.train_churn_model(
            document=document,
            table=table,
            label=label,
            id=id,
            churned=churned,
            keep=keep,
            seed=seed,
            at=at,
            min_position=min_position,
            request_id=request_id,
        )
        return await self._call(call, timeout)

    async def get_churn_model(self, id: str = "", *, document: str = "", timeout: float | None = None) -> ChurnModel:  # noqa: A002
        """All about a model: how it was chosen, how good it is, what it learned; "" = the active one."""
        return await self._call(churn_calls.get_churn_model(id, document), timeout)

    async def list_churn_models(
        self, document: str = "", *, timeout: float | None = None
    ) -> tuple[ChurnModelSummary, ...]:
        """Models that are kept, the newest first; "" = of all documents."""
        return await self._call(churn_calls.list_churn_models(document), timeout)

    async def predict_churn(
        self,
        account_ids: Sequence[str] = (),
        *,
        table: ChurnTable | None = None,
        id: str = "",  # noqa: A002
        document: str = "",
        model_id: str = "",
        at: datetime | None = None,
        most_effects: int = 0,
        timeout: float | None = None,
    ) -> ChurnPredictions:
        """How likely accounts are to leave and why, by what is known (at most 1,000) or by rows of a table (5,000).

        Args:
            account_ids: which ones; either these or a table.
            table: rows with the features of the model.
            id: its column with the ids; "" = rows are numbered.
            document: what answers.
            model_id: a model.
            at: facts and metrics as they were then; None = now.
            most_effects: of each account; 0 = all.
            timeout: seconds.

        """
        call = churn_calls.predict_churn(
            account_ids, table=table, id=id, document=document, model_id=model_id, at=at, most_effects=most_effects
        )
        return await self._call(call, timeout)

    async def check_churn_drift(
        self,
        *,
        document: str = "",
        model_id: str = "",
        table: ChurnTable | None = None,
        at: datetime | None = None,
        timeout: float | None = None,
    ) -> ChurnDrift:
        """How far accounts (of a table, or all as they were at `at`) are from those that a model learned from."""
        call = churn_calls.check_churn_drift(document=document, model_id=model_id, table=table, at=at)
        return await self._call(call, timeout)

    async def list_churn_segments(
        self, *, document: str = "", model_id: str = "", at: datetime | None = None, timeout: float | None = None
    ) -> ChurnSegments:
        """All accounts by segment, with what to do about each, as of `at` (None = now)."""
        return await self._call(churn_calls.list_churn_segments(document=document, model_id=model_id, at=at), timeout)
