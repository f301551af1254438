/*
 * readahead.S: filling the page cache, and the file system below it (Linux: mm/readahead.c, mm/filemap.c, fs/ext4/,
 * lib/iov_iter.c, fs/inode.c, mm/swap.c).
 *
 *   void page_cache_sync_ra(mapping, index, req_count), page_cache_ra_unbounded(mapping, index, nr)   rdi rsi rdx
 *   int filemap_add_folio(mapping, folio, index), __filemap_add_folio(mapping, folio, index)          0 or -EEXIST
 *   void ext4_readahead(mapping, folio), ssize_t ext4_file_read_iter(iocb, to), int ext4_file_open(inode, filp)
 *   loff_t ext4_llseek(file, offset, whence), int ext4_release_file(inode, filp)
 *
 * The "disk" is the file's text in the image (INODE_DISK), rounded up to whole folios.
 */

/*
 * Simplified: Linux grows a window with each hit; here a miss brings what was asked and one folio more. Simplified:
 * do_page_cache_ra() calls page_cache_ra_unbounded() in Linux.
 */
SYM_FUNC_START page_cache_sync_ra
	incq %rdx
	call page_cache_ra_unbounded
	ret
SYM_FUNC_END page_cache_sync_ra

/*
 * rax 0: no memory even for the first (Linux returns nothing; its caller tries once more on its own). Each folio goes
 * into the cache locked and empty, so that a second reader finds it and does not read it twice. The lock keeps a
 * truncate away, which would give back what is being filled (filemap_invalidate_lock_shared). Simplified: in Linux
 * read_pages() calls the mapping's operation, here ext4_readahead() or simple_read_folio().
 */
SYM_FUNC_START page_cache_ra_unbounded
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %rbp
	xorl %ebp, %ebp
	movq %rdi, %rbx
	movq %rsi, %r12
	leaq (%rsi,%rdx), %r13
	leaq INODE_INVALIDATE_LOCK(%rbx), %rdi
	call down_read
	movq INODE_SIZE(%rbx), %rax
	addq $FOLIO_BYTES - 0x1, %rax
	shrq $FOLIO_SHIFT, %rax
	cmpq %rax, %r13
	cmovaq %rax, %r13
.Lra_next:
	cmpq %r13, %r12
	jae .Lra_done
	call filemap_alloc_folio_noprof
	testq %rax, %rax
	je .Lra_done
	incl %ebp
	movq %rax, %r14
	movq %rbx, %rdi
	movq %r14, %rsi
	movq %r12, %rdx
	call filemap_add_folio
	testl %eax, %eax
	jne .Lra_have
	movq INODE_FOP(%rbx), %rax
	movq %rbx, %rdi
	movq %r14, %rsi
	call *FOP_READAHEAD(%rax)
.Lra_have:
	lock decl FOLIO_REFCOUNT(%r14)
	jne .Lra_kept
	movq %r14, %rdi
	call __folio_put
.Lra_kept:
	incq %r12
	jmp .Lra_next
.Lra_done:
	leaq INODE_INVALIDATE_LOCK(%rbx), %rdi
	call up_read
	movq %rbp, %rax
	popq %rbp
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END page_cache_ra_unbounded

/*
 * Simplified: folio_alloc_noprof() and alloc_pages_mpol_noprof() (mm/mempolicy.c) are between it and
 * __alloc_pages_noprof() in Linux.
 */
SYM_FUNC_START filemap_alloc_folio_noprof
	xorl %edi, %edi
	xorl %esi, %esi
	call __alloc_pages_noprof
	ret
SYM_FUNC_END filemap_alloc_folio_noprof

/* Locked before anybody can see it; unlocked again if it did not get in. */
SYM_FUNC_START filemap_add_folio
	pushq %rsi
	lock btsl $PG_locked, FOLIO_FLAGS(%rsi)
	call __filemap_add_folio
	popq %rsi
	testl %eax, %eax
	je .Ladd_folio_in
	lock btrl $PG_locked, FOLIO_FLAGS(%rsi)
.Ladd_folio_in:
	ret
SYM_FUNC_END filemap_add_folio

/* The cache has a reference of its own. rbx mapping, r12 folio, r13 index, r14 result. */
SYM_FUNC_START __filemap_add_folio
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	movq %rdi, %rbx
	movq %rsi, %r12
	movq %rdx, %r13
	movl $0xffffffef, %r14d
	leaq INODE_PAGES_LOCK(%rbx), %rdi
	call _raw_spin_lock_irq
	cmpq $0x0, INODE_PAGES(%rbx,%r13,0x8)
	jne .Ladd_unlock
	lock incl FOLIO_REFCOUNT(%r12)
	movq %rbx, FOLIO_MAPPING(%r12)
	movq %r13, FOLIO_INDEX(%r12)
	movq %r12, INODE_PAGES(%rbx,%r13,0x8)
	incq INODE_NRPAGES(%rbx)
	movq %r12, %rdi
	movl $NR_FILE_PAGES, %esi
	movl $0x1, %edx
	call __lruvec_stat_mod_folio
	xorl %r14d, %r14d
.Ladd_unlock:
	leaq INODE_PAGES_LOCK(%rbx), %rdi
	call _raw_spin_unlock_irq
	movl %r14d, %eax
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __filemap_add_folio

/* Reads a folio from the disk, word by word, and lets its waiters see it (folio_end_read). rdi mapping, rsi folio. */
SYM_FUNC_START_LOCAL ext4_readahead
	movq FOLIO_INDEX(%rsi), %rax
	shlq $FOLIO_SHIFT, %rax
	addq INODE_DISK(%rdi), %rax
	movq %rsi, %rdx
	FOLIO_ADDRESS %rdx
	xorl %ecx, %ecx
.Lreadahead_word:
	movq (%rax,%rcx,0x8), %r8
	movq %r8, (%rdx,%rcx,0x8)
	incl %ecx
	cmpl $FOLIO_BYTES / 0x8, %ecx
	jb .Lreadahead_word
	lock btsl $PG_uptodate, FOLIO_FLAGS(%rsi)
	lock btrl $PG_locked, FOLIO_FLAGS(%rsi)
	ret
SYM_FUNC_END ext4_readahead

/* No read without a byte asked: then not even the disk is looked at. */
SYM_FUNC_START_LOCAL ext4_file_read_iter
	movq ITER_COUNT(%rsi), %rax
	testq %rax, %rax
	je .Lext4_read_none
	call generic_file_read_iter
.Lext4_read_none:
	ret
SYM_FUNC_END ext4_file_read_iter

SYM_FUNC_START_LOCAL ext4_file_open
	lock incq INODE_OPENS(%rdi)
	xorl %eax, %eax
	ret
SYM_FUNC_END ext4_file_open

SYM_FUNC_START_LOCAL ext4_release_file
	lock decq INODE_OPENS(%rdi)
	xorl %eax, %eax
	ret
SYM_FUNC_END ext4_release_file

/* ext4 knows a smaller limit than the generic one (s_maxbytes, or that of a bitmap file). */
SYM_FUNC_START ext4_llseek
	movq FILE_INODE(%rdi), %r8
	movq INODE_SIZE(%r8), %r8
	movl $0xffffff, %ecx
	call generic_file_llseek_size
	ret
SYM_FUNC_END ext4_llseek
