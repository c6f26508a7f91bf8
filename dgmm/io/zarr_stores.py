"""Places as Zarr takes them."""

from pathlib import Path

from zarr.abc.buffer import Buffer, BufferPrototype
from zarr.abc.store import ByteRequest, Store
from zarr.storage import FsspecStore, WrapperStore

from dgmm.io.location import Place


class _Watched(WrapperStore[Store]):
    """A store that remembers what was looked for and was not there, which costs no request."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.absent: set[str] = set()

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """What is kept under a key; None if nothing is."""
        found = await super().get(key, prototype, byte_range)
        if found is None:
            self.absent.add(key)
        return found


def zarr_store(place: Place, *, read_only: bool = False) -> str | Store:
    """What `zarr.open_array` and its like take for a place."""
    if isinstance(place, Path):
        return str(place)
    options = dict(place.storage_options)
    return FsspecStore.from_url(str(place), storage_options=options, read_only=read_only)


def watched_store(place: Place) -> str | Store:
    """The same for reading, so that `was_absent` can tell; files are looked for beforehand."""
    store = zarr_store(place, read_only=True)
    return _Watched(store) if isinstance(store, Store) else store


def was_absent(store: Store, key: str) -> bool:
    """Whether Zarr has looked for a key in a watched store in vain."""
    return isinstance(store, _Watched) and key.lstrip("/") in store.absent
