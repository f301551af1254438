# Context switch, 64 bits, as teaching kernels write it.
#   void swtch(struct context **old, struct context *new);
# Save the callee-saved registers on the stack that we leave, and store its pointer in *old.

.globl swtch
swtch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15

  movq %rsp, (%rdi)     # switch stacks
  movq %rsi, %rsp

  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
