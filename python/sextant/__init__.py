"""Sextant learns functions of many variables that depend on only a few directions.

Estimators in scikit-learn's manners (:class:`SextantRegressor`, :class:`SextantClassifier`,
:class:`SubspaceTransformer`, :class:`RandomFeaturesRegressor`, :class:`NeuralTangentRegressor`), models that share the
command line's files (:func:`fit`, :func:`transfer`, :class:`Model`), the method's single steps on NumPy arrays under
their names in the C++ library, experiments and plots. Everything is computed by that library: the same options and seed
give the same bits as the command line.

Errors are ValueError for arguments and data, TypeError for options of a wrong type, OSError for files,
:class:`NumericalError` (an ArithmeticError) for results that are not finite, and KeyboardInterrupt for work that was
stopped, each with the library's sentence.
"""

from ._classifier import SextantClassifier
from ._core import (
    HermiteFeatures,
    KernelSections,
    LeafMachine,
    LinearisedNetwork,
    LinearPart,
    NumericalError,
    ReluNetwork,
    __version__,
)
from ._experiments import Experiment, builtin_experiments, reference_values, run_experiment
from ._model import Directions, Model, fit, transfer
from ._plots import DirectionsDisplay, LearningCurveDisplay, SpectrumDisplay, SummaryPlotDisplay
from ._regressor import NeuralTangentRegressor, RandomFeaturesRegressor, SextantRegressor
from ._report import report
from ._steps import (
    Polished,
    discovered_starts,
    fit_heads,
    fit_linear,
    gradient_outer_product,
    lambda_grid,
    linearised_network,
    network_along,
    one_step,
    polish,
    random_network,
    refined_coordinates,
    risks,
)
from ._subspace import (
    estimate_rank,
    first_layer_spectrum,
    overlap,
    principal_angles,
    reduced_directions,
    spectrum,
)
from ._synthetic import Generated, generate
from ._transformer import SubspaceTransformer

__all__ = [
    "Directions",
    "DirectionsDisplay",
    "Experiment",
    "Generated",
    "HermiteFeatures",
    "KernelSections",
    "LeafMachine",
    "LearningCurveDisplay",
    "LinearPart",
    "LinearisedNetwork",
    "Model",
    "NeuralTangentRegressor",
    "NumericalError",
    "Polished",
    "RandomFeaturesRegressor",
    "ReluNetwork",
    "SextantClassifier",
    "SextantRegressor",
    "SpectrumDisplay",
    "SubspaceTransformer",
    "SummaryPlotDisplay",
    "__version__",
    "builtin_experiments",
    "discovered_starts",
    "estimate_rank",
    "first_layer_spectrum",
    "fit",
    "fit_heads",
    "fit_linear",
    "generate",
    "gradient_outer_product",
    "lambda_grid",
    "linearised_network",
    "network_along",
    "one_step",
    "overlap",
    "polish",
    "principal_angles",
    "random_network",
    "reduced_directions",
    "reference_values",
    "refined_coordinates",
    "report",
    "run_experiment",
    "spectrum",
    "risks",
    "transfer",
]
