"""Errors that more than one room knows, apart so that they load nothing."""


class LostScheduler(ConnectionError):
    """The scheduler of a Dask cluster ended, or cannot be reached any more."""
