"""Metadata and callbacks on their way to the regressor inside another estimator."""

from typing import Any

from sklearn import get_config
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import has_fit_parameter

from skgenetics.utils._typing import Array


def router_of(owner: Any) -> MetadataRouter:
    """Return the router of an estimator with a `regressor`, which uses metadata of its own too."""
    methods = MethodMapping().add(caller="fit", callee="fit")
    methods.add(caller="predict", callee="predict")
    router = MetadataRouter(owner=owner).add_self_request(owner)
    return router.add(regressor=owner.regressor, method_mapping=methods)


def params_of_regressor(
    owner: Any, method: str, *, sample_weight: Array | None = None, **params: Any
) -> dict[str, Any]:
    """Return the arguments that `method` of the regressor gets.

    With metadata routing those that it requests, else all of them.

    Raises
    ------
    ValueError
        If weights are given without metadata routing to a regressor that takes none.
    """
    if sample_weight is not None:
        params["sample_weight"] = sample_weight
    if get_config()["enable_metadata_routing"]:
        return process_routing(owner, method, **params).regressor[method]
    if sample_weight is not None and not has_fit_parameter(owner.regressor, "sample_weight"):
        raise ValueError(
            f"sample_weight was given, but {type(owner.regressor).__name__}.fit takes none. With "
            "sklearn.set_config(enable_metadata_routing=True) its parts can request it, or "
            "refuse it, by set_fit_request(sample_weight=...)."
        )
    return params


def fit_with_callbacks(
    owner: Any, adjusted: tuple[Any, Any], given: tuple[Any, Any], **params: Any
) -> None:
    """Fit ``owner.regressor_`` to adjusted X and y as the one task of the callbacks of `owner`.

    Those that follow every estimator inside reach the regressor. The others see the X and y that
    were given, by which `owner` can be scored once it is fitted.
    """
    X, y = given
    context = owner._init_callback_context(max_subtasks=1)
    context.call_on_fit_task_begin(estimator=owner, X=X, y=y)
    task = context.subcontext(task_name="fit-regressor")
    with task.propagate_callback_context(owner.regressor_):
        task.call_on_fit_task_begin(estimator=owner, X=X, y=y)
        owner.regressor_.fit(*adjusted, **params)
        task.call_on_fit_task_end(estimator=owner, X=X, y=y)
    context.call_on_fit_task_end(estimator=owner, X=X, y=y, reconstruction_attributes={})
