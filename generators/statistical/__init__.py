"""Statistical image models: spectrum, colours and wavelet marginals of noise."""

from generators.statistical.model import StatisticalModel as StatisticalModel
from generators.statistical.spectrum import Spectrum as Spectrum
