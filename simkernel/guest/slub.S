/*
 * slub.S: objects of one size (Linux: mm/slub.c).
 *
 *   void *kmem_cache_alloc_noprof(struct kmem_cache *s, gfp_t)     rdi; rax 0 if there is none left
 *   void kmem_cache_free(struct kmem_cache *s, void *x)            rdi rsi
 *   void *___slab_alloc(s, gfpflags, node, addr, c)                rdi; the CPU has none: take some from the node
 *   void __slab_free(s, slab, head, tail, cnt, addr)               rdi; the CPU has too many: give some to the node
 *   struct slab *allocate_slab(s, flags, node)                     rdi; a new slab, cut into a list
 *
 * A free object's first word points to the next one. Each CPU has a list of its own in the per-CPU area (CACHE_CPU),
 * touched with interrupts off; the node's list is everybody's, under CACHE_LOCK (irq safe).
 * Simplified: Linux takes from the CPU's list with cmpxchg16b, and interrupts stay on.
 */
.set CACHE_LOCK, 0x0
.set CACHE_NODE, 0x8
.set CACHE_OBJECT_SIZE, 0x10
.set CACHE_OBJECTS, 0x18
.set CACHE_MEMORY, 0x20
.set CACHE_CPU, 0x28
.set CACHE_SLABS, 0x30
.set CACHE_INUSE, 0x38
.set CPU_SLAB_FREELIST, 0x0
.set CPU_SLAB_NR, 0x8
.set CPU_SLAB_BATCH, 0x2

/* The fast path touches nothing that another CPU uses, but for the count of objects in use. r12 flags. */
SYM_FUNC_START kmem_cache_alloc_noprof
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	LOCAL_IRQ_SAVE %r12
	PER_CPU_READ PCPU_SELF, %rdx
	addq CACHE_CPU(%rbx), %rdx
	movq CPU_SLAB_FREELIST(%rdx), %rax
	testq %rax, %rax
	jne .Lslab_alloc_take
	pushq %rdx
	movq %rbx, %rdi
	call ___slab_alloc
	popq %rdx
	testq %rax, %rax
	je .Lslab_alloc_out
.Lslab_alloc_take:
	movq (%rax), %rcx
	movq %rcx, CPU_SLAB_FREELIST(%rdx)
	decq CPU_SLAB_NR(%rdx)
	lock incq CACHE_INUSE(%rbx)
.Lslab_alloc_out:
	LOCAL_IRQ_RESTORE %r12
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END kmem_cache_alloc_noprof

/* Simplified: its site lies across a line, one byte and four; Linux aligns functions to 16. */
SYM_FUNC_START_STRADDLE kmem_cache_free, 0x3f
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	LOCAL_IRQ_SAVE %r12
	PER_CPU_READ PCPU_SELF, %rdx
	addq CACHE_CPU(%rbx), %rdx
	movq CPU_SLAB_FREELIST(%rdx), %rax
	movq %rax, (%rsi)
	movq %rsi, CPU_SLAB_FREELIST(%rdx)
	lock decq CACHE_INUSE(%rbx)
	incq CPU_SLAB_NR(%rdx)
	cmpq $CPU_SLAB_BATCH + 0x1, CPU_SLAB_NR(%rdx)
	jb .Lslab_free_out
	movq %rbx, %rdi
	call __slab_free
.Lslab_free_out:
	LOCAL_IRQ_RESTORE %r12
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END kmem_cache_free

/*
 * Fills the CPU's list with a batch; rax its head. Simplified: in Linux get_partial_node() calls
 * _raw_spin_lock_irqsave() and _raw_spin_unlock_irqrestore().
 */
SYM_FUNC_START_LOCAL ___slab_alloc
	pushq %rbx
	pushq %r12
	pushq %r13
	movq %rdi, %rbx
	call _raw_spin_lock_irqsave
	movq %rax, %r12
	PER_CPU_READ PCPU_SELF, %r13
	addq CACHE_CPU(%rbx), %r13
	cmpq $0x0, CACHE_NODE(%rbx)
	jne .Lslab_batch
	movq %rbx, %rdi
	call allocate_slab
	movq %rax, CACHE_NODE(%rbx)
.Lslab_batch:
	movl $CPU_SLAB_BATCH, %ecx
.Lslab_batch_next:
	movq CACHE_NODE(%rbx), %rax
	testq %rax, %rax
	je .Lslab_batch_done
	movq (%rax), %rdx
	movq %rdx, CACHE_NODE(%rbx)
	movq CPU_SLAB_FREELIST(%r13), %rdx
	movq %rdx, (%rax)
	movq %rax, CPU_SLAB_FREELIST(%r13)
	incq CPU_SLAB_NR(%r13)
	decl %ecx
	jne .Lslab_batch_next
.Lslab_batch_done:
	movq %rbx, %rdi
	movq %r12, %rsi
	call _raw_spin_unlock_irqrestore
	movq CPU_SLAB_FREELIST(%r13), %rax
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END ___slab_alloc

/* The other direction: a batch goes back, one object after the other. */
SYM_FUNC_START_LOCAL __slab_free
	pushq %r12
	pushq %r13
	pushq %rbx
	movq %rdi, %r12
	call _raw_spin_lock_irqsave
	movq %rax, %r13
	PER_CPU_READ PCPU_SELF, %rbx
	addq CACHE_CPU(%r12), %rbx
	movl $CPU_SLAB_BATCH, %edx
.Lslab_return_next:
	movq CPU_SLAB_FREELIST(%rbx), %rax
	movq (%rax), %rcx
	movq %rcx, CPU_SLAB_FREELIST(%rbx)
	movq CACHE_NODE(%r12), %rcx
	movq %rcx, (%rax)
	movq %rax, CACHE_NODE(%r12)
	decq CPU_SLAB_NR(%rbx)
	decl %edx
	jne .Lslab_return_next
	movq %r12, %rdi
	movq %r13, %rsi
	call _raw_spin_unlock_irqrestore
	popq %rbx
	popq %r13
	popq %r12
	ret
SYM_FUNC_END __slab_free

/* Cuts the cache's memory into objects, each pointing to the one after it. rax the first, 0 the second time. */
SYM_FUNC_START_LOCAL allocate_slab
	xorl %eax, %eax
	cmpq %rax, CACHE_SLABS(%rdi)
	jne .Lallocate_slab_out
	incq CACHE_SLABS(%rdi)
	movq CACHE_OBJECTS(%rdi), %rcx
	movq CACHE_OBJECT_SIZE(%rdi), %rsi
	movq CACHE_MEMORY(%rdi), %rax
	movq %rax, %rdx
.Lallocate_slab_next:
	leaq (%rdx,%rsi), %r8
	decq %rcx
	je .Lallocate_slab_last
	movq %r8, (%rdx)
	movq %r8, %rdx
	jmp .Lallocate_slab_next
.Lallocate_slab_last:
	movq $0x0, (%rdx)
.Lallocate_slab_out:
	ret
SYM_FUNC_END allocate_slab

/* Two caches: open files, and names on their way through the kernel. Owner of the node list: the lock. */
.data
SYM_DATA_START_LOCAL filp_cachep
	.quad 0x0, 0x0, FILE_SIZE, 0x40, SLAB_BASE, PCPU_CPU_SLAB, 0x0, 0x0
SYM_DATA_END filp_cachep
SYM_DATA_START names_cachep
	.quad 0x0, 0x0, 0x40, 0x40, SLAB_BASE + 0x1000, PCPU_CPU_SLAB + 0x10, 0x0, 0x0
SYM_DATA_END names_cachep
SYM_DATA_START_LOCAL nr_files
	.quad 0x0
SYM_DATA_END nr_files
.text
