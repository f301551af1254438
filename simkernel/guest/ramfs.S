/*
 * ramfs.S: writing into the page cache, with no disk behind it (Linux: fs/ramfs/, fs/libfs.c, mm/filemap.c,
 * fs/inode.c, mm/page-writeback.c).
 *
 *   ssize_t generic_file_write_iter(iocb, from), __generic_file_write_iter(...), generic_perform_write(...)   rdi rsi
 *   int simple_write_begin(mapping, pos, len, **foliop), simple_write_end(mapping, pos, copied, folio)  rdi rsi rdx rcx
 *   struct folio *__filemap_get_folio(mapping, index)                                                    rdi rsi
 *   int file_update_time(file); bool filemap_dirty_folio(mapping, folio); void simple_read_folio(mapping, folio)
 *
 * A page of such a file is dirty for ever: there is no other place for what is in it.
 */

/* One writer at a time: the inode's lock. */
SYM_FUNC_START generic_file_write_iter
	pushq %rbx
	pushq %r12
	pushq %r13
	movq %rdi, %r12
	movq %rsi, %r13
	movq KI_FILP(%rdi), %rbx
	movq FILE_INODE(%rbx), %rbx
	leaq INODE_RWSEM(%rbx), %rdi
	call down_write
	movq %r12, %rdi
	movq %r13, %rsi
	call __generic_file_write_iter
	movq %rax, %r12
	leaq INODE_RWSEM(%rbx), %rdi
	call up_write
	movq %r12, %rax
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END generic_file_write_iter

SYM_FUNC_START __generic_file_write_iter
	pushq %rdi
	pushq %rsi
	movq KI_FILP(%rdi), %rdi
	call file_update_time
	popq %rsi
	popq %rdi
	testl %eax, %eax
	jne .Lwrite_iter_failed
	call generic_perform_write
	ret
.Lwrite_iter_failed:
	cltq
	ret
SYM_FUNC_END __generic_file_write_iter

/* rbx iocb, r12 from, r13 written, r14 mapping, rbp folio. A piece never crosses a page; space for it at rsp. */
SYM_FUNC_START generic_perform_write
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %rbp
	pushq $0x0
	movq %rdi, %rbx
	movq %rsi, %r12
	xorl %r13d, %r13d
	movq KI_FILP(%rbx), %r14
	movq FILE_INODE(%r14), %r14
.Lperform_next:
	call __cond_resched
	movq ITER_COUNT(%r12), %rdx
	testq %rdx, %rdx
	je .Lperform_done
	movq KI_POS(%rbx), %rsi
	movl %esi, %ecx
	andl $FOLIO_BYTES - 0x1, %ecx
	movl $FOLIO_BYTES, %eax
	subl %ecx, %eax
	cmpq %rax, %rdx
	cmovaq %rax, %rdx
	movq %rdx, (%rsp)
	movq %r14, %rdi
	call simple_write_begin
	testq %rax, %rax
	je .Lperform_nospace
	movq %rax, %rbp
	movq %rbp, %rdi
	movq KI_POS(%rbx), %rsi
	andl $FOLIO_BYTES - 0x1, %esi
	movq (%rsp), %rdx
	movq %r12, %rcx
	call copy_folio_from_iter_atomic
	movq %r14, %rdi
	movq KI_POS(%rbx), %rsi
	movq %rax, %rdx
	movq %rbp, %rcx
	call simple_write_end
	addq %rax, KI_POS(%rbx)
	addq %rax, %r13
	movq %r14, %rdi
	call balance_dirty_pages_ratelimited
	jmp .Lperform_next
.Lperform_nospace:
	testq %r13, %r13
	jne .Lperform_done
	movq $ENOMEM, %r13
.Lperform_done:
	movq %r13, %rax
	addq $0x8, %rsp
	popq %rbp
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END generic_perform_write

/* rax the folio (Linux: through a pointer), 0 if the file is at its largest or memory is out. */
SYM_FUNC_START simple_write_begin
	shrq $FOLIO_SHIFT, %rsi
	xorl %eax, %eax
	cmpq $INODE_MAX_PAGES, %rsi
	jae .Lwrite_begin_out
	call __filemap_get_folio
.Lwrite_begin_out:
	ret
SYM_FUNC_END simple_write_begin

/*
 * The size grows only now, when the bytes are there: a reader never sees what was in the page before. Simplified:
 * folio_mark_dirty() calls filemap_dirty_folio() in Linux, through the mapping's operations.
 */
SYM_FUNC_START_LOCAL simple_write_end
	pushq %rbx
	pushq %rdx
	movq %rcx, %rbx
	addq %rdx, %rsi
	cmpq INODE_SIZE(%rdi), %rsi
	jbe .Lwrite_end_inside
	movq %rsi, INODE_SIZE(%rdi)
.Lwrite_end_inside:
	movq %rbx, %rsi
	call filemap_dirty_folio
	lock btrl $PG_locked, FOLIO_FLAGS(%rbx)
	lock decl FOLIO_REFCOUNT(%rbx)
	popq %rax
	popq %rbx
	ret
SYM_FUNC_END simple_write_end

/*
 * Counts a folio once, however often it is written. Simplified: __folio_mark_dirty() and folio_account_dirtied() are
 * between it and __lruvec_stat_mod_folio() in Linux.
 */
SYM_FUNC_START filemap_dirty_folio
	lock btsl $PG_dirty, FOLIO_FLAGS(%rsi)
	jc .Ldirty_already
	movq %rsi, %rdi
	movl $NR_FILE_DIRTY, %esi
	movl $0x1, %edx
	call __lruvec_stat_mod_folio
	movl $0x1, %eax
	ret
.Ldirty_already:
	xorl %eax, %eax
	ret
SYM_FUNC_END filemap_dirty_folio

/* The inode's lock is held, so the time cannot go back. */
SYM_FUNC_START file_update_time
	movq FILE_INODE(%rdi), %rdi
	movq tk_xtime_nsec(%rip), %rax
	movq %rax, INODE_MTIME(%rdi)
	xorl %eax, %eax
	ret
SYM_FUNC_END file_update_time

/* Who makes pages dirty pays: Linux lets a task that does so too fast sleep. Here it only counts. */
SYM_FUNC_START balance_dirty_pages_ratelimited
	incq %gs:PCPU_BDP_RATELIMITS
	ret
SYM_FUNC_END balance_dirty_pages_ratelimited
