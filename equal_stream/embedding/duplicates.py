"""Which versions repeat what another document already says.

Exact copies are found by claims (see `claims`), which also hold between embedders that work at the same
time. Near copies are found by bands of their signature, in the store and among the batches in work; two
embedders that meet near copies in the same seconds may embed both.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from equal_stream.embedding.claims import Claims
from equal_stream.embedding.documents import StoredDocument
from equal_stream.embedding.intake import Version
from equal_stream.embedding.known import KnownDocuments
from equal_stream.steps import Step, passed


class DuplicateSearch:
    """Finds originals.

    Parameters
    ----------
    known
        All documents, those about to be written included.
    """

    def __init__(self, known: KnownDocuments) -> None:
        self._known = known
        self._claims = Claims(known.store)

    def originals(self, versions: Sequence[Version], gone: AbstractSet[str] = frozenset()) -> dict[str, str]:
        """Return the document that each duplicate repeats, by the duplicate's id.

        Those not in the answer are originals, and their contents are claimed for them.

        Parameters
        ----------
        versions
            At most one of each document, in the order of the log: of copies the first is the original.
        gone
            Further documents that say nothing any more after this batch, so that nothing can repeat them.
        """
        becoming = dict.fromkeys(gone, "") | {each.doc_id: each.fingerprint.content_hash for each in versions}
        # 1. Exact copies of what others have claimed, and will still say after this batch.
        copies, void = self._claimed(versions, becoming)
        remaining = [each for each in versions if each.doc_id not in copies]
        # 2. Near copies, in the store, in the batches in work and earlier in this one.
        copies |= self._near(remaining, becoming.keys())
        remaining = [each for each in remaining if each.doc_id not in copies]
        # 3. Claim the rest; who lost a race for a claim repeats the winner.
        self._claims.take_over([each for each in remaining if each.fingerprint.content_hash in void])
        passed(Step.CLAIMS_TAKEN_OVER)
        lost = self._claims.insert(remaining)
        passed(Step.CLAIMS_MADE)
        late, _ = self._claimed(
            [each for each in remaining if each.fingerprint.content_hash in lost], becoming
        )
        return {copy: late.get(original, original) for copy, original in (copies | late).items()}

    def release(self, documents: Sequence[StoredDocument]) -> None:
        """Give up the claims of documents whose content is no longer this."""
        self._claims.release({each.content_hash: each.doc_id for each in documents if each.content_hash})

    def _claimed(
        self, versions: Sequence[Version], becoming: Mapping[str, str]
    ) -> tuple[dict[str, str], set[str]]:
        """Return versions whose content another document holds, and the contents whose claims are void.

        `becoming` are the contents that the documents of this batch are about to have.
        """
        claims = self._claims.of(each.fingerprint.content_hash for each in versions)
        owners = self._known.get(claim.owner for claim in claims.values())
        copies: dict[str, str] = {}
        void: set[str] = set()
        for version in versions:
            content = version.fingerprint.content_hash
            claim = claims.get(content)
            if claim is None or claim.owner == version.doc_id:
                continue
            leaves = becoming.get(claim.owner, content) != content
            if leaves or claim.void(content, owners.get(claim.owner)):
                void.add(content)
            else:
                copies[version.doc_id] = claim.owner
        return copies, void

    def _near(self, versions: Sequence[Version], outdated: AbstractSet[str]) -> dict[str, str]:
        """Return versions that nearly repeat another document, but not what `outdated` ones used to say."""
        copies: dict[str, str] = {}
        earlier: list[StoredDocument] = []
        stored = self._known.near([each.fingerprint for each in versions])
        for version, found in zip(versions, stored, strict=True):
            others = (*self._known.near_expected(version.fingerprint), *found)
            alike = self._known.alike(version.fingerprint, earlier)
            alike += [each for each in others if each.doc_id not in outdated]
            if alike:
                copies[version.doc_id] = alike[0].doc_id
            else:
                earlier.append(_as_original(version))
        return copies


def _as_original(version: Version) -> StoredDocument:
    return StoredDocument(
        url=version.url,
        doc_id=version.doc_id,
        state="embedded",
        source="",
        fetched_at=version.at,
        content_hash=version.fingerprint.content_hash,
        signature=version.fingerprint.packed_signature(),
    )
