/*
 * filemap.S: reading through the page cache (Linux: mm/filemap.c, mm/swap.c).
 *
 *   ssize_t generic_file_read_iter(iocb, iter), filemap_read(iocb, iter, already_read)   rdi rsi rdx
 *   int filemap_get_pages(iocb, count, fbatch)                                           rdi rsi rdx; 0 or -errno
 *   void filemap_get_read_batch(mapping, index, max, fbatch)                             rdi rsi rdx rcx
 *   void folio_mark_accessed(folio), folio_activate(folio)                               rdi
 *   size_t copy_page_to_iter(page, offset, bytes, iter)   notrace: all of lib/ is (lib/Makefile)
 *
 * struct folio_batch: count, then up to FBATCH_MAX folios, each with a reference that its user drops (folio_put).
 */
.set FBATCH_NR, 0x0
.set FBATCH_FOLIOS, 0x8
.set FBATCH_MAX, 0x3
.set FBATCH_SIZE, 0x20

/* Nothing asked, nothing touched: not even the access time. */
SYM_FUNC_START generic_file_read_iter
	xorl %eax, %eax
	cmpq %rax, ITER_COUNT(%rsi)
	je .Lread_iter_none
	xorl %edx, %edx
	call filemap_read
.Lread_iter_none:
	ret
SYM_FUNC_END generic_file_read_iter

/* rbx iocb, r12 iter, r13 bytes read so far, r14 inode, rbp the loop over a batch that lies on the stack. */
SYM_FUNC_START filemap_read
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	subq $FBATCH_SIZE, %rsp
	movq %rdi, %rbx
	movq %rsi, %r12
	movq %rdx, %r13
	movq KI_FILP(%rbx), %rax
	movq FILE_INODE(%rax), %r14
.Lfilemap_read_more:
	call __cond_resched
	movq KI_POS(%rbx), %rax
	cmpq INODE_SIZE(%r14), %rax
	jae .Lfilemap_read_end
	movq %rbx, %rdi
	movq ITER_COUNT(%r12), %rsi
	movq %rsp, %rdx
	call filemap_get_pages
	testl %eax, %eax
	js .Lfilemap_read_error
	xorl %ebp, %ebp
.Lfilemap_read_folio:
	movq FBATCH_FOLIOS(%rsp,%rbp,0x8), %rdi
	call folio_mark_accessed
/* bytes = what is left of the request, of the file, and of this folio. */
	movq KI_POS(%rbx), %rsi
	movq INODE_SIZE(%r14), %rdx
	subq %rsi, %rdx
	jbe .Lfilemap_read_put
	andl $FOLIO_BYTES - 0x1, %esi
	cmpq ITER_COUNT(%r12), %rdx
	cmovaq ITER_COUNT(%r12), %rdx
	movl $FOLIO_BYTES, %eax
	subl %esi, %eax
	cmpq %rax, %rdx
	cmovaq %rax, %rdx
	movq FBATCH_FOLIOS(%rsp,%rbp,0x8), %rdi
	movq %r12, %rcx
	call copy_page_to_iter
	addq %rax, %r13
	addq %rax, KI_POS(%rbx)
.Lfilemap_read_put:
	movq FBATCH_FOLIOS(%rsp,%rbp,0x8), %rdi
	lock decl FOLIO_REFCOUNT(%rdi)
	jne .Lfilemap_read_next
	call __folio_put
.Lfilemap_read_next:
	incl %ebp
	cmpq FBATCH_NR(%rsp), %rbp
	jb .Lfilemap_read_folio
	cmpq $0x0, ITER_COUNT(%r12)
	jne .Lfilemap_read_more
.Lfilemap_read_end:
	xorl %eax, %eax
.Lfilemap_read_error:
	pushq %rax
	movq KI_FILP(%rbx), %rdi
	movq KI_POS(%rbx), %rax
	movq %rax, FILE_RA_PREV(%rdi)
	call touch_atime
	popq %rax
	cltq
	testq %r13, %r13
	cmovneq %r13, %rax
	addq $FBATCH_SIZE, %rsp
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
SYM_FUNC_END filemap_read

/*
 * What is not there is read ahead and looked for again: it may be gone by then. rbx mapping, r12 index, r13 last.
 * Simplified: schedule() lets others run meanwhile; in Linux folio_wait_bit_common() sleeps in io_schedule().
 */
SYM_FUNC_START_LOCAL filemap_get_pages
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	movq %rdx, %r14
	movq KI_POS(%rdi), %r12
	leaq -0x1(%r12,%rsi), %r13
	shrq $FOLIO_SHIFT, %r12
	shrq $FOLIO_SHIFT, %r13
	movq KI_FILP(%rdi), %rbx
	movq FILE_INODE(%rbx), %rbx
.Lget_pages_retry:
	movq %rbx, %rdi
	movq %r12, %rsi
	movq %r13, %rdx
	movq %r14, %rcx
	call filemap_get_read_batch
	cmpq $0x0, FBATCH_NR(%r14)
	jne .Lget_pages_uptodate
	movq %rbx, %rdi
	movq %r12, %rsi
	leaq 0x1(%r13), %rdx
	subq %r12, %rdx
	call page_cache_sync_ra
	testl %eax, %eax
	jne .Lget_pages_retry
	movl $0xfffffff4, %eax
	jmp .Lget_pages_out
/* Another CPU may still be filling the last one. Simplified: Linux sleeps until it is unlocked. */
.Lget_pages_uptodate:
	movq FBATCH_NR(%r14), %rax
	movq FBATCH_FOLIOS - 0x8(%r14,%rax,0x8), %rax
	btl $PG_uptodate, FOLIO_FLAGS(%rax)
	jc .Lget_pages_ready
	call schedule
	jmp .Lget_pages_uptodate
.Lget_pages_ready:
	xorl %eax, %eax
.Lget_pages_out:
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END filemap_get_pages

/*
 * Folios without a gap from index to max. Simplified: under the lock, between _raw_spin_lock_irqsave() and
 * _raw_spin_unlock_irqrestore(); Linux walks the tree under RCU and retries.
 */
SYM_FUNC_START_LOCAL filemap_get_read_batch
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	movq %rdi, %rbx
	movq %rsi, %r12
	movq %rdx, %r13
	movq %rcx, %r14
	leaq INODE_PAGES_LOCK(%rbx), %rdi
	call _raw_spin_lock_irqsave
	xorl %ecx, %ecx
.Lread_batch_next:
	cmpq %r13, %r12
	ja .Lread_batch_done
	cmpq $INODE_MAX_PAGES, %r12
	jae .Lread_batch_done
	movq INODE_PAGES(%rbx,%r12,0x8), %rdx
	testq %rdx, %rdx
	je .Lread_batch_done
	lock incl FOLIO_REFCOUNT(%rdx)
	movq %rdx, FBATCH_FOLIOS(%r14,%rcx,0x8)
	incq %r12
	incl %ecx
/* One that is being filled ends the batch: whoever gets it waits for that one alone. */
	btl $PG_uptodate, FOLIO_FLAGS(%rdx)
	jnc .Lread_batch_done
	cmpl $FBATCH_MAX, %ecx
	jb .Lread_batch_next
.Lread_batch_done:
	movq %rcx, FBATCH_NR(%r14)
	leaq INODE_PAGES_LOCK(%rbx), %rdi
	movq %rax, %rsi
	call _raw_spin_unlock_irqrestore
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END filemap_get_read_batch
