"""What has been found about a model's inputs so far, and which of it is taken.

Which `hyperparameters.json` counts, and whether it is too large, is decided only here; the function
and the job script merely open files.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, NamedTuple, Optional, Tuple

from mims.deadline import Check
from mims.errors import (
    ArchiveLimitError,
    InvalidHyperparametersError,
    NoInputFieldsError,
)
from mims.fields import Field
from mims.inputs import doubts, families
from mims.inputs.candidates import (
    COMPLETING,
    XGBOOST_CONTAINERS_FILE,
    Candidates,
    Chosen,
    feature_list,
)
from mims.inputs.field_lists import Listed, listed_fields
from mims.inputs.hyperparameters import (
    FILE_NAME,
    Hyperparameters,
    Member,
    parse_hyperparameters,
)
from mims.inputs.kept import Candidate
from mims.inputs.member import HEAD, MemberBytes, Told, UnreadableError
from mims.inputs.model_files import ModelFile
from mims.inputs.model_inputs import HYPERPARAMETERS, SETTINGS, Consult, ModelInputs
from mims.inputs.no_fields import no_fields_named, no_hyperparameters, too_large
from mims.inputs.sources import sources_for
from mims.limits import (
    HELD_BYTES,
    RAISED_BYTES,
    READ_ON_BYTES,
    SHOWN_CHARACTERS,
    SHOWN_NAMES,
    Limits,
)

_NAME_CHARACTERS = 2 * SHOWN_CHARACTERS  # more than a message shows: a name may be a megabyte long


class _Nested(NamedTuple):
    """A `hyperparameters.json` below the root; the first in `order` may be used."""

    order: Tuple[bool, int, bytes]
    name: str
    size: int
    modified: int
    content: Optional[bytes]


class Findings:
    """What has been found so far."""

    def __init__(self, limits: Limits, consult: Consult, check: Check) -> None:
        self._limits = limits
        self._consult = consult
        self._check = check
        self._wishes = consult(Hyperparameters())
        self._candidates = Candidates()
        self._families = families.Families()
        self._names: List[str] = []
        self._not_regular = False
        self._root: Optional[Member] = None
        self._nested: Optional[_Nested] = None
        self._hyperparameters = Hyperparameters()
        self._listed = Listed()
        self._no_fields: Optional[NoInputFieldsError] = None
        self._warnings: List[str] = []
        self._read_on_from: Optional[int] = None
        self._has_code = False  # the model is served by a script of its own
        self._xgboost_model_at_root = False
        self._has_mlmodel = False  # no other family goes before MLflow's

    def look_at(self, file: ModelFile) -> bool:
        """Look into a file; return whether nothing more needs to be read."""
        if len(self._names) < SHOWN_NAMES:
            self._names.append(file.name[:_NAME_CHARACTERS])
        name = file.name.rsplit("/", 1)[-1]
        if ".." in file.name.split("/"):
            return False  # the path leads out of the model
        if name == FILE_NAME:
            return self._look_at_hyperparameters(file)
        if not name or not file.regular or name.startswith("._"):  # macOS' AppleDouble
            return False
        self._has_code |= file.name.startswith("code/")
        self._families.look_at(file.name)
        if self._wishes.fields is None or self._wishes.family:
            self._look_into(file)
        self._has_mlmodel |= name == "MLmodel"
        return self.is_reading_on and self._has_mlmodel

    @property
    def is_reading_on(self) -> bool:
        """Whether the fields are known, and reading goes on only for the family."""
        return self._wishes.fields is not None or self._is_named_by_root

    @property
    def wants_family(self) -> bool:
        return self._wishes.family

    def has_read_on(self, offset: int) -> bool:
        """Say whether enough of the archive was read on; `offset` is the compressed one now."""
        if self._read_on_from is None:
            self._read_on_from = offset
        return offset - self._read_on_from >= READ_ON_BYTES

    def warn_of_damage(self, error: Exception) -> None:
        """Warn of damage that does not affect the fields."""
        if self._wishes.fields is not None:
            self._warnings.append(f"{error} The fields are those of the settings.")

    @property
    def _most_bytes(self) -> int:
        """The most bytes that a `hyperparameters.json` may have."""
        return min(self._limits.hyperparameters_bytes, RAISED_BYTES)

    @property
    def _is_named_by_root(self) -> bool:
        return (
            self._root is not None
            and bool(self._listed.fields)
            and not self._listed.is_feature_list
        )

    def _look_at_hyperparameters(self, file: ModelFile) -> bool:
        if not file.regular:
            self._not_regular = True
            return False
        folders = file.name.split("/")[:-1]
        if folders:
            self._look_at_nested(file, folders)
            return False
        if self._root is not None:
            return False  # the first of that name counts
        if file.size > self._most_bytes:
            raise too_large(file.name, file.size, self._limits)
        member = Member(file.name, b"".join(file.chunks()), file.modified)
        self._root = replace(member, content=b"")
        self._take(member)
        if self._wishes.fields is not None:
            return not self._wishes.family
        return self._is_named_by_root and (self._has_mlmodel or not self._wishes.family)

    def _look_at_nested(self, file: ModelFile, folders: List[str]) -> None:
        order = (folders[0] == "code", len(folders), file.name.encode("utf-8", "surrogateescape"))
        if self._nested is not None and self._nested.order <= order:
            return
        fits = file.size <= self._most_bytes
        content = b"".join(file.chunks()) if fits else None
        self._nested = _Nested(order, file.name, file.size, file.modified, content)

    def _take(self, member: Member) -> None:
        """Take these hyperparameters as the model's, with the settings in them."""
        try:
            self._hyperparameters = parse_hyperparameters(member, self._check)
        except InvalidHyperparametersError as error:
            if self._wishes.fields is None:
                raise
            self.warn_of_damage(error)
            return
        self._wishes = self._consult(self._hyperparameters)
        if self._wishes.fields is not None:
            return
        try:
            self._listed = listed_fields(self._hyperparameters, self._check)
        except NoInputFieldsError as error:
            self._no_fields = error

    def _look_into(self, file: ModelFile) -> None:
        """Have the sources that want the file read it."""
        head = file.head(HEAD)
        sources = list(sources_for(file.name, head))
        if not sources:
            return
        pieces: Optional[List[bytes]] = None
        if len(sources) > 1:
            if file.size > HELD_BYTES:
                sources = sources[:1]
            else:
                pieces = list(file.chunks())
        failures: List[Tuple[str, str]] = []
        for source in sources:
            chunks = file.chunks() if pieces is None else pieces
            try:
                told: Optional[Told] = source.load().read(
                    MemberBytes(file.name, chunks, self._check)
                )
            except UnreadableError as error:
                name = error.source or source.name
                failures.append((name, str(error)))
                self._note_family(file.name, name)
                continue
            if told is None:
                continue
            if told.form not in COMPLETING:
                self._note_family(file.name, told.source)
            if told.fields:
                self._check()
                self._candidates.add(file.name, file.modified, told)
                self._check()
                return
            failures.append((told.source, told.why))
        if failures:
            self._candidates.note(file.name, *failures[0])
        else:
            self._candidates.note_unknown(file.name)

    def _note_family(self, name: str, family: str) -> None:
        self._families.add(family)
        if name == XGBOOST_CONTAINERS_FILE and family == "xgboost":
            self._xgboost_model_at_root = True

    def result(self, count: int, garbled: bool) -> ModelInputs:
        """Return the model's inputs, from all that was found.

        Raises
        ------
        HyperparametersNotFoundError, NoInputFieldsError, InvalidHyperparametersError,
        ArchiveLimitError
            Nothing names the fields, or the hyperparameters that would are invalid or too large.
        """
        member = self._root
        if member is None and self._wishes.fields is None:
            member = self._take_nested()
        if garbled:
            self._warnings.append(
                "The archive's checksum (CRC) is wrong: what was read may be garbled. Upload the "
                "model.tar.gz again."
            )
        inputs = self._by_settings() or self._by_hyperparameters(member)
        if inputs is not None:
            return inputs
        lists: List[Candidate] = []
        if member is not None and self._listed.fields:
            lists = [
                feature_list(member.name, member.modified, HYPERPARAMETERS, self._listed.fields)
            ]
        chosen = self._candidates.choose(lists)
        if chosen is None:
            reasons = self._candidates.reasons()
            if member is None:
                raise no_hyperparameters(count, self._names, reasons, self._not_regular)
            raise no_fields_named(member, reasons, self._listed.hint, self._no_fields)
        return self._by_model(chosen, member)

    def _take_nested(self) -> Optional[Member]:
        nested = self._nested
        if nested is None:
            return None
        under_code = nested.order[0]
        try:
            if nested.content is None:
                raise too_large(nested.name, nested.size, self._limits)
            member = Member(nested.name, nested.content, nested.modified)
            self._take(member)
        except (ArchiveLimitError, InvalidHyperparametersError) as error:
            # Under code/ it ranks only as a feature list, so the model's own files may serve.
            if not under_code or self._candidates.choose() is None:
                raise
            self._warnings.append(f"{error} The fields were taken from the model's own files.")
            return None
        if under_code:
            self._listed = self._listed._replace(is_feature_list=True)
        return member

    def _by_settings(self) -> Optional[ModelInputs]:
        if self._wishes.fields is None:
            return None
        fields, warnings = self._wishes.fields
        return self._inputs(
            fields, SETTINGS, None, 0, (*warnings, *doubts.number(fields, self._candidates.model()))
        )

    def _by_hyperparameters(self, member: Optional[Member]) -> Optional[ModelInputs]:
        listed = self._listed
        if member is None or not listed.fields or listed.is_feature_list:
            return None
        return self._inputs(
            listed.fields,
            HYPERPARAMETERS,
            member.name,
            member.modified,
            (
                *doubts.nested(member.name),
                *listed.warnings,
                *doubts.number(listed.fields, self._candidates.model()),
            ),
        )

    def _by_model(self, chosen: Chosen, member: Optional[Member]) -> ModelInputs:
        names, model = chosen.names, chosen.model
        told = names.told
        warnings = list(chosen.warnings)
        if told.source == HYPERPARAMETERS:
            warnings = [*doubts.nested(names.member), *self._listed.warnings, *warnings]
            if model is None:
                warnings += doubts.number(told.fields, model)
        elif member is not None and not self._listed.fields:
            warnings += self._listed.warnings
        family = told.source
        if model is not None and model.rank < names.rank:
            family = model.told.source
        return self._inputs(
            told.fields,
            told.source,
            names.member,
            names.modified,
            tuple(warnings),
            family=family if family in families.KNOWN else None,
            form=told.form,
            training=dict(chosen.training),
        )

    def _inputs(
        self,
        fields: Tuple[Field, ...],
        source: str,
        member: Optional[str],
        modified: int,
        warnings: Tuple[str, ...],
        **more: Any,
    ) -> ModelInputs:
        all_warnings = [*self._warnings, *warnings]
        model = self._candidates.model()
        if self._xgboost_model_at_root and not self._has_code:
            beside = (FILE_NAME if self._root is not None else "", member or "")
            all_warnings += doubts.beside_xgboost_model(beside, model)
        return ModelInputs(
            fields,
            source,
            member,
            modified,
            self._hyperparameters,
            shown_family=self._families.shown(model),
            warnings=tuple(all_warnings),
            **more,
        )
