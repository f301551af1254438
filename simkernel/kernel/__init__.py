"""A kernel as a value: its bytes, symbols and patch sites. The guest's sources become one here.

KernelImage.default()         the kernel of `guest/*.S`, as packaged (`artefact.py`); needs no assembler
KernelImage.from_source(p)    the same core with the learner's functions; needs Keystone
KernelImage.synthetic(n)      the default kernel and functions up to n traced ones (`synthetic.py`)
KernelImage.simplified(s)     what a function does otherwise than Linux (`notes.py`)
python -m simkernel.kernel     --check or --write the packaged kernel
"""

from simkernel.asm import Symbol
from simkernel.kernel.image import RELEASE, KernelImage, Segment

__all__ = ["RELEASE", "KernelImage", "Segment", "Symbol"]
