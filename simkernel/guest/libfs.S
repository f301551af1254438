/*
 * libfs.S: pages for writing and pages without a disk (Linux: mm/filemap.c, fs/libfs.c).
 *
 *   struct folio *__filemap_get_folio(mapping, index)      rdi rsi; rax 0 if there is no memory; referenced and locked
 *   void simple_read_folio(mapping, folio)                 rdi rsi
 */

/*
 * What a writer needs. Not there: a new one, zeroed; if another CPU was faster, that one's. rbx mapping, r12 index.
 * Simplified: Linux looks under RCU (filemap_get_entry), not between _raw_spin_lock_irq() and _raw_spin_unlock_irq().
 * Simplified: simple_read_folio() fills a new folio with what the file holds; in Linux simple_write_begin() fills it
 * with zeroes around what will be written.
 */
SYM_FUNC_START __filemap_get_folio
	pushq %rbx
	pushq %r12
	pushq %r13
	movq %rdi, %rbx
	movq %rsi, %r12
.Lget_folio_again:
	leaq INODE_PAGES_LOCK(%rbx), %rdi
	call _raw_spin_lock_irq
	movq INODE_PAGES(%rbx,%r12,0x8), %r13
	testq %r13, %r13
	je .Lget_folio_none
	lock incl FOLIO_REFCOUNT(%r13)
.Lget_folio_none:
	leaq INODE_PAGES_LOCK(%rbx), %rdi
	call _raw_spin_unlock_irq
	testq %r13, %r13
	jne .Lget_folio_lock
	call filemap_alloc_folio_noprof
	testq %rax, %rax
	je .Lget_folio_out
	movq %rax, %r13
	movq %rbx, %rdi
	movq %r13, %rsi
	movq %r12, %rdx
	call filemap_add_folio
	testl %eax, %eax
	jne .Lget_folio_lost
	movq %rbx, %rdi
	movq %r13, %rsi
	call simple_read_folio
	jmp .Lget_folio_lock
.Lget_folio_lost:
	movq %r13, %rdi
	call __folio_put
	jmp .Lget_folio_again
/* Simplified: Linux sleeps for the lock; the inode's lock is held, so nobody else writes here. */
.Lget_folio_lock:
	lock btsl $PG_locked, FOLIO_FLAGS(%r13)
	movq %r13, %rax
.Lget_folio_out:
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __filemap_get_folio

/* No disk: all zeroes, and up to date at once. */
SYM_FUNC_START_LOCAL simple_read_folio
	movq %rsi, %rax
	FOLIO_ADDRESS %rax
	leaq FOLIO_BYTES(%rax), %rcx
.Lread_folio_zero:
	movq $0x0, (%rax)
	addq $0x8, %rax
	cmpq %rcx, %rax
	jb .Lread_folio_zero
	lock btsl $PG_uptodate, FOLIO_FLAGS(%rsi)
	lock btrl $PG_locked, FOLIO_FLAGS(%rsi)
	ret
SYM_FUNC_END simple_read_folio
