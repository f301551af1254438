/*
 * fs.S: the files there are: two on a disk (ext4), one in memory (ramfs), one pipe. Data only.
 *
 * Owner of each field: structs.S has the lock order. The contents are the image's; what is read comes from a
 * page cache that is empty at boot. Hashes are those of link_path_walk (fs/namei.c, HASH_MIX and fold_hash, salt 0): a
 * test makes them anew.
 */
.set PASSWD_SIZE, 0x140
.set SHADOW_SIZE, 0x40
.set PASSWD_INO, 0x2a1
.set S_IFREG_0644, 0x81a4
.set S_IFREG_0640, 0x81a0
.set S_IFIFO_0600, 0x1180

.data
/* A file's name as it is asked for: whole words that end in zeroes. */
SYM_DATA_START_LOCAL path_passwd
	.ascii "/etc/passwd"
	.fill 0x5, 0x1, 0x0
SYM_DATA_END path_passwd
SYM_DATA_START_LOCAL path_shadow
	.ascii "/etc/shadow"
	.fill 0x5, 0x1, 0x0
SYM_DATA_END path_shadow
SYM_DATA_START_LOCAL path_log
	.ascii "/tmp/log"
	.fill 0x8, 0x1, 0x0
SYM_DATA_END path_log
SYM_DATA_START_LOCAL path_fifo
	.ascii "/tmp/fifo"
	.fill 0x7, 0x1, 0x0
SYM_DATA_END path_fifo
SYM_DATA_START_LOCAL path_nothing
	.ascii "/etc/nothing"
	.fill 0x4, 0x1, 0x0
SYM_DATA_END path_nothing

/* struct dentry: next, hash, length, name, inode, times found. Owner of a chain: nobody changes it. */
SYM_DATA_START_LOCAL dentry_hashtable
	.quad dentry_passwd
	.quad dentry_log
	.quad 0x0
	.quad 0x0
SYM_DATA_END dentry_hashtable
SYM_DATA_START_LOCAL dentry_passwd
	.quad dentry_shadow
	.long 0xb514486c, 0xb
	.ascii "/etc/passwd"
	.fill 0x5, 0x1, 0x0
	.quad passwd_inode, 0x0
SYM_DATA_END dentry_passwd
SYM_DATA_START_LOCAL dentry_shadow
	.quad 0x0
	.long 0x495b4358, 0xb
	.ascii "/etc/shadow"
	.fill 0x5, 0x1, 0x0
	.quad shadow_inode, 0x0
SYM_DATA_END dentry_shadow
SYM_DATA_START_LOCAL dentry_log
	.quad dentry_fifo
	.long 0x4ef10a71, 0x8
	.ascii "/tmp/log"
	.fill 0x8, 0x1, 0x0
	.quad log_inode, 0x0
SYM_DATA_END dentry_log
SYM_DATA_START_LOCAL dentry_fifo
	.quad 0x0
	.long 0x839f9589, 0x9
	.ascii "/tmp/fifo"
	.fill 0x7, 0x1, 0x0
	.quad fifo_inode, 0x0
SYM_DATA_END dentry_fifo

/* struct inode: ino, size, mode, operations, disk; then nrpages, locks, atime, mtime, opens; rule; pages. */
SYM_DATA_START_LOCAL passwd_inode
	.quad PASSWD_INO, PASSWD_SIZE, S_IFREG_0644, ext4_file_operations, passwd_text
	.fill 0x7, 0x8, 0x0
	.quad RULE_PASSWD
	.fill INODE_MAX_PAGES, 0x8, 0x0
SYM_DATA_END passwd_inode
SYM_DATA_START_LOCAL shadow_inode
	.quad 0x2a2, SHADOW_SIZE, S_IFREG_0640, ext4_file_operations, shadow_text
	.fill 0x7, 0x8, 0x0
	.quad RULE_SHADOW
	.fill INODE_MAX_PAGES, 0x8, 0x0
SYM_DATA_END shadow_inode
SYM_DATA_START_LOCAL log_inode
	.quad 0x11, FOLIO_BYTES, S_IFREG_0644, ramfs_file_operations, 0x0
	.fill 0x7, 0x8, 0x0
	.quad RULE_TMP
	.fill INODE_MAX_PAGES, 0x8, 0x0
SYM_DATA_END log_inode
SYM_DATA_START_LOCAL fifo_inode
	.quad 0x12, 0x0, S_IFIFO_0600, pipefifo_fops, 0x0
	.fill 0x7, 0x8, 0x0
	.quad RULE_NO_PATH
	.fill INODE_MAX_PAGES, 0x8, 0x0
SYM_DATA_END fifo_inode
SYM_DATA_START_LOCAL socket_inode
	.quad 0x1, 0x0, 0xc000, socket_file_ops, 0x0
	.fill 0x7, 0x8, 0x0
	.quad RULE_NO_PATH
	.fill INODE_MAX_PAGES, 0x8, 0x0
SYM_DATA_END socket_inode

/* struct file_operations: read_iter, write_iter, llseek, open, release, getattr, readahead. 0: not there. */
SYM_DATA_START ext4_file_operations
	.quad ext4_file_read_iter, 0x0, ext4_llseek, ext4_file_open, ext4_release_file, ext4_file_getattr, ext4_readahead
SYM_DATA_END ext4_file_operations
SYM_DATA_START ramfs_file_operations
	.quad generic_file_read_iter, generic_file_write_iter, generic_file_llseek, ext4_file_open, ext4_release_file
	.quad 0x0, simple_read_folio
SYM_DATA_END ramfs_file_operations
SYM_DATA_START pipefifo_fops
	.quad pipe_read, pipe_write, 0x0, fifo_open, pipe_release, 0x0, 0x0
SYM_DATA_END pipefifo_fops
SYM_DATA_START_LOCAL socket_file_ops
	.quad 0x0, 0x0, 0x0, 0x0, sock_close, 0x0, 0x0
SYM_DATA_END socket_file_ops
.bss
SYM_DATA_START_LOCAL sockets_in_use
	.quad 0x0
SYM_DATA_END sockets_in_use
SYM_DATA_START_LOCAL fifo_pipe
	.fill 0x12, 0x8, 0x0
SYM_DATA_END fifo_pipe

.data
SYM_DATA_START_LOCAL passwd_text
	.ascii "root:x:0:0:root:/root:/bin/bash"
	.byte 0xa
	.ascii "daemon:x:1:1::/usr/sbin:/bin/sh"
	.byte 0xa
	.ascii "bin:x:2:2:bin:/bin:/bin/nologin"
	.byte 0xa
	.ascii "sys:x:3:3:sys:/dev:/bin/nologin"
	.byte 0xa
	.ascii "games:x:5:60:games:/usr/games: "
	.byte 0xa
	.ascii "man:x:6:12:man:/var/cache/man: "
	.byte 0xa
	.ascii "lp:x:7:7:lp:/var/spool/lpd:/bin"
	.byte 0xa
	.ascii "mail:x:8:8:mail:/var/mail:/bin "
	.byte 0xa
	.ascii "news:x:9:9:news:/var/news:/bin "
	.byte 0xa
	.ascii "brendan:x:1000:1000::/home/bg:/"
	.byte 0xa
	.fill 0x40, 0x1, 0x0
SYM_DATA_END passwd_text
SYM_DATA_START_LOCAL shadow_text
	.ascii "root:*:19000:0:99999:7:::"
	.fill 0x67, 0x1, 0x0
SYM_DATA_END shadow_text
.text
