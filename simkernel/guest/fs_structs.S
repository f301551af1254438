/*
 * fs_structs.S: offsets and numbers of the files, for the subsystems (Linux: include/linux/{fs,mm_types,uio}.h, errno).
 * It emits no byte. Which lock owns what: structs.S has the order, the comments below the owners.
 */

/* struct file, from the cache filp (include/linux/fs.h). ALLOW is AppArmor's part of it: what was granted at open. */
.set FILE_COUNT, 0x0
.set FILE_POS, 0x8
.set FILE_FOP, 0x10
.set FILE_INODE, 0x18
.set FILE_MODE, 0x20
.set FILE_ALLOW, 0x24
.set FILE_POS_LOCK, 0x28
.set FILE_PRIVATE, 0x30
.set FILE_RA_PREV, 0x38
.set FILE_SIZE, 0x40
.set FMODE_READ, 0x1
.set FMODE_WRITE, 0x2
.set FMODE_OPENED, 0x80000
.set MAY_WRITE, 0x2
.set MAY_READ, 0x4
.set MAY_GETATTR, 0x8

/* struct file_operations, and inode and address_space in one. */
.set FOP_READ_ITER, 0x0
.set FOP_WRITE_ITER, 0x8
.set FOP_LLSEEK, 0x10
.set FOP_OPEN, 0x18
.set FOP_RELEASE, 0x20
.set FOP_GETATTR, 0x28
.set FOP_READAHEAD, 0x30
.set INODE_INO, 0x0
.set INODE_SIZE, 0x8
.set INODE_MODE, 0x10
.set INODE_FOP, 0x18
.set INODE_DISK, 0x20
.set INODE_NRPAGES, 0x28
.set INODE_PAGES_LOCK, 0x30
.set INODE_RWSEM, 0x38
.set INODE_ATIME, 0x40
.set INODE_MTIME, 0x48
.set INODE_OPENS, 0x50
.set INODE_INVALIDATE_LOCK, 0x58
.set INODE_RULE, 0x60
.set INODE_PAGES, 0x68
.set INODE_MAX_PAGES, 0x8

/* struct kiocb and struct iov_iter: on the stack of new_sync_read(). */
.set KI_FILP, 0x0
.set KI_POS, 0x8
.set ITER_UBUF, 0x0
.set ITER_COUNT, 0x8

/* struct folio. Simplified: a page of the page cache has 128 bytes, so that short reads meet several. */
.set FOLIO_FLAGS, 0x0
.set FOLIO_REFCOUNT, 0x8
.set FOLIO_INDEX, 0x10
.set FOLIO_MAPPING, 0x18
.set FOLIO_SIZE, 0x20
.set FOLIO_SHIFT, 0x7
.set FOLIO_BYTES, 0x80
.set FOLIO_MAX, 0x40
.set PG_locked, 0x0
.set PG_referenced, 0x2
.set PG_uptodate, 0x3
.set PG_dirty, 0x4
.set PG_active, 0x8
.set NR_FILE_PAGES, 0x0
.set NR_FILE_DIRTY, 0x8
.set NR_ACTIVE_FILE, 0x10
.set NR_NODE_STAT_ITEMS, 0x3

/* errno. */
.set ENOENT, 0xfffffffffffffffe
.set EBADF, 0xfffffffffffffff7
.set EAGAIN, 0xfffffffffffffff5
.set ENOMEM, 0xfffffffffffffff4
.set EACCES, 0xfffffffffffffff3
.set EEXIST, 0xffffffffffffffef
.set EINVAL, 0xffffffffffffffea
.set EMFILE, 0xffffffffffffffe8
.set ESPIPE, 0xffffffffffffffe3
.set EPIPE, 0xffffffffffffffe0
.set EAFNOSUPPORT, 0xffffffffffffff9f

/* folio_address(): from a struct folio to its bytes, in place. */
.macro FOLIO_ADDRESS reg
subq $FOLIOS_BASE, \reg
shlq $0x2, \reg
addq $PAGES_BASE, \reg
.endm
