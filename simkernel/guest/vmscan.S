/*
 * vmscan.S: giving pages back (Linux: mm/vmscan.c, mm/filemap.c).
 *
 *   int kswapd(void *), balance_pgdat(void); unsigned int shrink_folio_list(folio)       rdi; rax how many went
 *   int __remove_mapping(mapping, folio), void __filemap_remove_folio(folio)             rdi rsi
 *
 * Simplified: Linux keeps lists of active and inactive folios; here kswapd looks at every folio in turn.
 */

/* The task kswapd0. Simplified: Linux wakes it when free pages run low; here it comes round now and then. */
SYM_FUNC_START_LOCAL kswapd
.Lkswapd_again:
	KTHREAD_SLEEP 0xc00000
	call balance_pgdat
	jmp .Lkswapd_again
SYM_FUNC_END kswapd

/*
 * Ages every folio: active becomes inactive, referenced gets another round, the rest may go. A reference, taken only if
 * there is one already (folio_try_get), keeps the folio from turning into another one meanwhile. rbx folio, r12
 * freed. Simplified: in Linux shrink_node() is between, which calls shrink_folio_list(); shrink_active_list() moves the
 * statistics (here __lruvec_stat_mod_folio), and folios are given back in batches (here __folio_put).
 */
SYM_FUNC_START_LOCAL balance_pgdat
	pushq %rbx
	pushq %r12
	xorl %r12d, %r12d
	movq $FOLIOS_BASE, %rbx
.Lbalance_next:
	movl FOLIO_REFCOUNT(%rbx), %eax
	testl %eax, %eax
	je .Lbalance_skip
	leal 0x1(%rax), %edx
	lock cmpxchgl %edx, FOLIO_REFCOUNT(%rbx)
	jne .Lbalance_skip
	lock btrl $PG_active, FOLIO_FLAGS(%rbx)
	jnc .Lbalance_inactive
	movq %rbx, %rdi
	movl $NR_ACTIVE_FILE, %esi
	movq $-0x1, %rdx
	call __lruvec_stat_mod_folio
	jmp .Lbalance_put
.Lbalance_inactive:
	lock btrl $PG_referenced, FOLIO_FLAGS(%rbx)
	jc .Lbalance_put
	movq %rbx, %rdi
	call shrink_folio_list
	addl %eax, %r12d
	testl %eax, %eax
	jne .Lbalance_skip
.Lbalance_put:
	lock decl FOLIO_REFCOUNT(%rbx)
	jne .Lbalance_skip
	movq %rbx, %rdi
	call __folio_put
.Lbalance_skip:
	addq $FOLIO_SIZE, %rbx
	cmpq $FOLIOS_BASE + FOLIO_MAX * FOLIO_SIZE, %rbx
	jb .Lbalance_next
	lock addq %r12, pgsteal_kswapd(%rip)
	incq pageoutrun(%rip)
	movl %r12d, %eax
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END balance_pgdat

/* rax 1 if the folio is gone, with its last two references. A dirty one stays: it would have to be written first. */
SYM_FUNC_START_LOCAL shrink_folio_list
	pushq %rbx
	movq %rdi, %rbx
	xorl %eax, %eax
	movq FOLIO_MAPPING(%rbx), %rdi
	testq %rdi, %rdi
	je .Lshrink_out
	movq %rbx, %rsi
	call __remove_mapping
	testl %eax, %eax
	je .Lshrink_out
	movq %rbx, %rdi
	call __folio_put
	movl $0x1, %eax
.Lshrink_out:
	popq %rbx
	ret
SYM_FUNC_END shrink_folio_list

/* Two references, the cache's and ours, become none in one step, or somebody uses it (folio_ref_freeze). */
SYM_FUNC_START_LOCAL __remove_mapping
	pushq %rbx
	pushq %r12
	pushq %r13
	movq %rdi, %r12
	movq %rsi, %rbx
	xorl %r13d, %r13d
	leaq INODE_PAGES_LOCK(%r12), %rdi
	call _raw_spin_lock_irq
	movl $0x2, %eax
	lock cmpxchgl %r13d, FOLIO_REFCOUNT(%rbx)
	jne .Lremove_unlock
	testl $0x111, FOLIO_FLAGS(%rbx)
	jne .Lremove_unfreeze
	movq %rbx, %rdi
	call __filemap_remove_folio
	incl %r13d
	jmp .Lremove_unlock
.Lremove_unfreeze:
	movl $0x2, FOLIO_REFCOUNT(%rbx)
.Lremove_unlock:
	leaq INODE_PAGES_LOCK(%r12), %rdi
	call _raw_spin_unlock_irq
	movl %r13d, %eax
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __remove_mapping

/* Simplified: filemap_unaccount_folio() calls __lruvec_stat_mod_folio() in Linux. */
SYM_FUNC_START __filemap_remove_folio
	movq FOLIO_MAPPING(%rdi), %rax
	movq FOLIO_INDEX(%rdi), %rcx
	movq $0x0, INODE_PAGES(%rax,%rcx,0x8)
	decq INODE_NRPAGES(%rax)
	movq $0x0, FOLIO_MAPPING(%rdi)
	movl $NR_FILE_PAGES, %esi
	movq $-0x1, %rdx
	call __lruvec_stat_mod_folio
	ret
SYM_FUNC_END __filemap_remove_folio

.bss
/* vm events: folios that kswapd took back, and its rounds. */
SYM_DATA_START_LOCAL pgsteal_kswapd
	.quad 0x0
SYM_DATA_END pgsteal_kswapd
SYM_DATA_START_LOCAL pageoutrun
	.quad 0x0
SYM_DATA_END pageoutrun
.text
