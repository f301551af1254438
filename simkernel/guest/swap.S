/*
 * swap.S: what a page was last used for, and copying it out (Linux: mm/swap.c, lib/iov_iter.c, fs/inode.c).
 *
 *   void folio_mark_accessed(folio), folio_activate(folio)                     rdi
 *   void touch_atime(file)                                                     rdi
 *   size_t copy_page_to_iter(folio, offset, bytes, iter)                       rdi rsi rdx rcx; rax what was copied
 *   size_t copy_folio_from_iter_atomic(folio, offset, bytes, iter)             the other direction
 *
 * The copies are in lib/, which Linux builds without sites (ccflags-remove in lib/Makefile): notrace.
 */

/*
 * Touched once: referenced. Touched again before it was looked at: active, and it has to prove itself anew.
 * Simplified: its site lies across a line, two bytes and three; Linux aligns functions to 16.
 */
SYM_FUNC_START_STRADDLE folio_mark_accessed, 0x3e
	lock btsl $PG_referenced, FOLIO_FLAGS(%rdi)
	jnc .Lmark_accessed_out
	btl $PG_active, FOLIO_FLAGS(%rdi)
	jc .Lmark_accessed_out
	call folio_activate
.Lmark_accessed_out:
	ret
SYM_FUNC_END folio_mark_accessed

/*
 * Only who sets the bit counts it: two CPUs may come here at once. Simplified: Linux gathers folios in a batch, and
 * lru_activate() moves the statistics (here __lruvec_stat_mod_folio).
 */
SYM_FUNC_START folio_activate
	lock btsl $PG_active, FOLIO_FLAGS(%rdi)
	jc .Lactivate_done
	lock btrl $PG_referenced, FOLIO_FLAGS(%rdi)
	incq %gs:PCPU_VM_EVENTS + 0x18
	movl $NR_ACTIVE_FILE, %esi
	movl $0x1, %edx
	call __lruvec_stat_mod_folio
.Lactivate_done:
	ret
SYM_FUNC_END folio_activate

/* The clock word is a time as good as any; it must not go back when two readers race. */
SYM_FUNC_START touch_atime
	movq FILE_INODE(%rdi), %rdi
	movq tk_xtime_nsec(%rip), %rdx
	movq INODE_ATIME(%rdi), %rax
.Ltouch_atime_try:
	cmpq %rax, %rdx
	jbe .Ltouch_atime_out
	lock cmpxchgq %rdx, INODE_ATIME(%rdi)
	jne .Ltouch_atime_try
.Ltouch_atime_out:
	ret
SYM_FUNC_END touch_atime

/* Bytes, for offsets and lengths are odd. The iterator moves on with them. No site: lib/ is built without. */
SYM_FUNC_START_NOTRACE copy_page_to_iter
	FOLIO_ADDRESS %rdi
	addq %rsi, %rdi
	movq ITER_UBUF(%rcx), %r8
	xorl %eax, %eax
.Lcopy_to_byte:
	cmpq %rdx, %rax
	jae .Lcopy_to_done
	movb (%rdi,%rax), %r9b
	movb %r9b, (%r8,%rax)
	incq %rax
	jmp .Lcopy_to_byte
.Lcopy_to_done:
	addq %rax, ITER_UBUF(%rcx)
	subq %rax, ITER_COUNT(%rcx)
	ret
SYM_FUNC_END copy_page_to_iter

SYM_FUNC_START_NOTRACE_LOCAL copy_folio_from_iter_atomic
	FOLIO_ADDRESS %rdi
	addq %rsi, %rdi
	movq ITER_UBUF(%rcx), %r8
	xorl %eax, %eax
.Lcopy_from_byte:
	cmpq %rdx, %rax
	jae .Lcopy_from_done
	movb (%r8,%rax), %r9b
	movb %r9b, (%rdi,%rax)
	incq %rax
	jmp .Lcopy_from_byte
.Lcopy_from_done:
	subq %rax, ITER_COUNT(%rcx)
	addq %rax, ITER_UBUF(%rcx)
	ret
SYM_FUNC_END copy_folio_from_iter_atomic
