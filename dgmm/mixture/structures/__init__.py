"""The covariance structures, by what their covariances lambda_k D_k A_k D_k' have in common.

lambda_k is the volume of component k, A_k of determinant 1 its shape and D_k the orientation of
its axes. The three letters of a name say whether each is equal (E), varies (V) or is the identity
(I), as in mclust (Banfield & Raftery 1993, Biometrics 49; Celeux & Govaert 1995, Pattern
Recognition 28). ``full`` is VVV, ``tied`` EEE, ``diag`` VVI and ``spherical`` VII.

Shapes follow scikit-learn. ``covariances`` and ``factors`` (precision factors U with
U U' = Sigma^-1) are (K, d, d) for matrices and (K, d) for diagonals, without K where components
share them and without d where features do.
"""

from dgmm.mixture.covariance_structure import structure_of
from dgmm.mixture.structures.diagonal_structure import DiagonalStructure
from dgmm.mixture.structures.matrix_structure import MatrixStructure

__all__ = ["DiagonalStructure", "MatrixStructure", "structure_of"]
