"""What every x86-64 CPU has, whatever runs on it."""

from __future__ import annotations

PAGE_SIZE = 0x1000
CACHE_LINE = 64

# Exception vectors (Intel SDM vol. 3, table 6-1).
VECTOR_NMI = 2
VECTOR_BP = 3
VECTOR_UD = 6
VECTOR_DF = 8
VECTOR_GP = 13
VECTOR_PF = 14

MAX_INSTRUCTION = 15  # bytes (SDM vol. 3B, 23.15: a longer one is #GP)
