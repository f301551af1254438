/*
 * page_alloc.S: pages and their counters (Linux: mm/page_alloc.c, mm/swap.c, mm/vmstat.c).
 *
 *   struct page *__alloc_pages_noprof(gfp, order), *get_page_from_freelist(gfp, order)   rax a folio, 0 if none is free
 *   void free_unref_page(page, order), __folio_put(folio)                                rdi
 *   void __mod_node_page_state(pgdat, item, delta), __lruvec_stat_mod_folio(folio, item, delta)   rdi rsi rdx
 *   void vmstat_update(work), bool refresh_cpu_vm_stats(bool), int fold_diff(node_diff)
 *
 * A folio of the toy's page cache: structs.S. The zone is one bitmap, 1 = free, under zone_lock (irq safe).
 * Simplified: Linux has per-CPU lists, orders and zones.
 */
.set STAT_THRESHOLD, 0x3

/* The watermark says whether anybody has to be woken to make room. */
SYM_FUNC_START __alloc_pages_noprof
	pushq %rbx
	call get_page_from_freelist
	movq %rax, %rbx
	testq %rax, %rax
	je .Lalloc_pages_out
	movq $0x0, FOLIO_FLAGS(%rbx)
	movl $0x1, FOLIO_REFCOUNT(%rbx)
	movq $0x0, FOLIO_MAPPING(%rbx)
	incq %gs:PCPU_VM_EVENTS
.Lalloc_pages_out:
	movq %rbx, %rax
	popq %rbx
	ret
SYM_FUNC_END __alloc_pages_noprof

SYM_FUNC_START_LOCAL get_page_from_freelist
	pushq %rbx
	leaq zone_lock(%rip), %rdi
	call _raw_spin_lock_irqsave
	movq %rax, %rsi
	xorl %ebx, %ebx
	movq zone_free(%rip), %rax
	bsfq %rax, %rcx
	je .Lfreelist_empty
	btrq %rcx, %rax
	movq %rax, zone_free(%rip)
	movq %rcx, %rbx
	shlq $0x5, %rbx
	addq $FOLIOS_BASE, %rbx
.Lfreelist_empty:
	leaq zone_lock(%rip), %rdi
	call _raw_spin_unlock_irqrestore
	movq %rbx, %rax
	popq %rbx
	ret
SYM_FUNC_END get_page_from_freelist

SYM_FUNC_START free_unref_page
	pushq %rbx
	movq %rdi, %rbx
	leaq zone_lock(%rip), %rdi
	call _raw_spin_lock_irqsave
	incq %gs:PCPU_VM_EVENTS + 0x8
	subq $FOLIOS_BASE, %rbx
	shrq $0x5, %rbx
	btsq %rbx, zone_free(%rip)
	leaq zone_lock(%rip), %rdi
	movq %rax, %rsi
	call _raw_spin_unlock_irqrestore
	popq %rbx
	ret
SYM_FUNC_END free_unref_page

/* Behind folio_put(), when the last reference is gone: nobody can find it any more. */
SYM_FUNC_START __folio_put
	movq $0x0, FOLIO_FLAGS(%rdi)
	xorl %esi, %esi
	call free_unref_page
	ret
SYM_FUNC_END __folio_put

/* Charges the node. Simplified: no memory cgroups, whose share Linux counts here too (__mod_memcg_lruvec_state). */
SYM_FUNC_START __lruvec_stat_mod_folio
	leaq vm_node_stat(%rip), %rdi
	call __mod_node_page_state
	ret
SYM_FUNC_END __lruvec_stat_mod_folio

/*
 * A counter that all CPUs change would bounce between them, so each keeps a small difference of its own and passes it
 * on when it grows past a threshold. The caller keeps the CPU from changing.
 */
SYM_FUNC_START __mod_node_page_state
	PREEMPT_DISABLE
	PER_CPU_READ PCPU_SELF, %rax
	leaq PCPU_VM_NODE_STAT_DIFF(%rax,%rsi), %rcx
	movq %rdx, %rax
	addq (%rcx), %rax
	leaq STAT_THRESHOLD(%rax), %rdx
	cmpq $STAT_THRESHOLD + STAT_THRESHOLD, %rdx
	jbe .Lmod_state_keep
	lock addq %rax, (%rdi,%rsi)
	xorl %eax, %eax
.Lmod_state_keep:
	movq %rax, (%rcx)
	PREEMPT_ENABLE mod_node_page_state
	ret
SYM_FUNC_END __mod_node_page_state

/* The work of a kworker on each CPU, about once a second in Linux. */
SYM_FUNC_START_LOCAL vmstat_update
	movl $0x1, %edi
	call refresh_cpu_vm_stats
	incq %gs:PCPU_VM_EVENTS + 0x10
	ret
SYM_FUNC_END vmstat_update

/* Takes this CPU's differences, each in one instruction that no interrupt can split, and folds them. rax what moved. */
SYM_FUNC_START_LOCAL refresh_cpu_vm_stats
	subq $0x18, %rsp
	xorl %ecx, %ecx
	PREEMPT_DISABLE
	PER_CPU_READ PCPU_SELF, %rdx
.Lrefresh_item:
	xorl %eax, %eax
	xchgq %rax, PCPU_VM_NODE_STAT_DIFF(%rdx,%rcx,0x8)
	movq %rax, (%rsp,%rcx,0x8)
	incl %ecx
	cmpl $NR_NODE_STAT_ITEMS, %ecx
	jb .Lrefresh_item
	PREEMPT_ENABLE refresh_vm_stats
	movq %rsp, %rdi
	call fold_diff
	addq $0x18, %rsp
	ret
SYM_FUNC_END refresh_cpu_vm_stats

SYM_FUNC_START_LOCAL fold_diff
	leaq vm_node_stat(%rip), %rsi
	xorl %eax, %eax
	xorl %ecx, %ecx
.Lfold_item:
	movq (%rdi,%rcx,0x8), %rdx
	testq %rdx, %rdx
	je .Lfold_next
	lock addq %rdx, (%rsi,%rcx,0x8)
	incl %eax
.Lfold_next:
	incl %ecx
	cmpl $NR_NODE_STAT_ITEMS, %ecx
	jb .Lfold_item
	ret
SYM_FUNC_END fold_diff

/* vm_node_stat: NR_FILE_PAGES, NR_FILE_DIRTY, NR_ACTIVE_FILE. What is true is this plus all CPUs' differences. */
.bss
SYM_DATA_START_LOCAL zone_lock
	.quad 0x0
SYM_DATA_END zone_lock
.data
SYM_DATA_START_LOCAL zone_free
	.quad 0xffffffffffffffff
SYM_DATA_END zone_free
SYM_DATA_START vm_node_stat
	.quad 0x0, 0x0, 0x0
SYM_DATA_END vm_node_stat
.text
