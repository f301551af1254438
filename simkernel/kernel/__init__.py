"""A kernel as a value: its bytes, symbols and patch sites. The guest's sources become one here.

KernelImage.default()         the kernel of `guest/*.S`, as packaged (`artefact.py`); needs no assembler
KernelImage.from_source(p)    the same core with the learner's functions; needs Keystone
KernelImage.synthetic(n)      the default kernel and functions up to n traced ones (`synthetic.py`)
KernelImage.simplified(s)     what a function does otherwise than Linux (`notes.py`)
python -m simkernel.kernel     --check or --write the packaged kernel

    image       what a machine loads; symbols; sources: which files of `guest/` make it
    layout      the memory map of the toy kernel; memory_map: that of any kernel; stacks, tasks: what lies there
    abi         what the host must know of a kernel; kernel: all of it as a value; toy: that of `guest/*.S`
    loader      puts a kernel into a machine; running: the kernel there, and the host's side of it
    percpu      the per-CPU areas; words: the bytes of every call site as numbers
    smp         observes syncs and parked CPUs; sched: context switches; panic: the death of the kernel
    validate    what has to be true of CPUs and tasks
"""

from simkernel.asm import Symbol
from simkernel.kernel.image import RELEASE, KernelImage, Segment

__all__ = ["RELEASE", "KernelImage", "Segment", "Symbol"]
