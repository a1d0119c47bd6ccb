"""What others have published about these networks, one module for a publication."""

from jspline.claims._claim import Claim
from jspline.claims.literature import (
    _alignment,
    _appella,
    _chaos,
    _chizat,
    _holzmueller,
    _jin,
    _maennel,
    _mei,
    _mulayoff,
    _orthogonal,
    _shevchenko,
    _williams,
)

CLAIMS: tuple[Claim, ...] = (
    _williams.CLAIM,
    _alignment.CLAIM,
    _orthogonal.CLAIM,
    _maennel.CLAIM,
    _holzmueller.CLAIM,
    _jin.CLAIM,
    _mulayoff.CLAIM,
    _appella.CLAIM,
    _mei.CLAIM,
    _chaos.CLAIM,
    _chizat.CLAIM,
    _shevchenko.CLAIM,
)
"""All of them, in the order in which the audit has them."""
