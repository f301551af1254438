/*
 * structs.S: offsets in the structures that the subsystems share, as layout.py holds those that the host reads too
 * (Linux makes the like for its assembly in asm-offsets.c). It emits no byte. Assembled right after macros.S.
 *
 * Lock order, outermost first. A lock lower in the list is never held while one above it is taken.
 *   mutexes       file->f_pos_lock, pipe->mutex, then inode->i_rwsem (sleepable: taken with preempt_count 0)
 *   plain         files->file_lock, dentry->d_lock      held with IF=1, never taken by an interrupt
 *   irq safe      wait queue head, rcu_node, i_pages, lruvec, zone, kmem_cache node, hrtimer base,
 *                 task->pi_lock, rq->lock               always held with IF=0, the last two in that order
 * Who spins for a plain lock has IF=1 and answers a sync; who spins with IF=0 waits for one that has IF=0 too
 * and needs no answer from anybody. A holder is never preempted (preempt_count), so every wait ends.
 */

/* raw_spinlock_t: the word that is locked (asm-generic/qspinlock_types.h). */
.set LOCK_VAL, 0x0
.set _Q_LOCKED_VAL, 0x1

/* struct rq and its cfs_rq (kernel/sched/sched.h), at PCPU_RQ of each per-CPU area. Owner: rq->lock. */
.set RQ_LOCK, 0x0
.set RQ_NR_RUNNING, 0x8
.set RQ_CURR, 0x10
.set RQ_STOP, 0x18
.set RQ_CLOCK, 0x20
.set CFS_LEFTMOST, 0x30
.set CFS_MIN_VRUNTIME, 0x38
.set CFS_CURR, 0x40
.set CFS_NR_RUNNING, 0x48
.set CFS_AVG, 0x50
.set RQ_YLD_COUNT, 0x70
.set RQ_TTWU_COUNT, 0x78
.set RQ_SCHED_GOIDLE, 0x80
.set RQ_EXEC_CLOCK, 0x88
.set RQ_LOCK_COUNT, 0x90
.set RQ_UNLOCK_COUNT, 0x98
.set RQ_STOP_RUNS, 0xa0
.set RQ_SCHED_COUNT, 0xa8
.set RQ_ENQUEUED, 0xb0
.set RQ_DEQUEUED, 0xb8
.set RQ_IDLE_TIME, 0xc0
.set RQ_IDLE_START, 0xc8
.set RQ_NR_PREEMPT_WAKE, 0xd0
.set RQ_RESCHED_COUNT, 0xd8
.set RQ_STOP_QUEUED, 0xe0

/* struct sched_avg: load tracking of an entity or of a queue (include/linux/sched.h). */
.set AVG_LAST_UPDATE_TIME, 0x0
.set AVG_LOAD_SUM, 0x8
.set AVG_PERIOD_CONTRIB, 0x10
.set AVG_LOAD_AVG, 0x18

/* task_struct from TASK_DATA on. The sched_entity is part of it; CLASS, 32 bits: 0 fair, 1 stop, 2 idle. */
.set TASK_NEXT, 0x70
.set TASK_EXEC_START, 0x78
.set TASK_SUM_EXEC, 0x80
.set TASK_AVG, 0x88
.set TASK_CLASS, 0xa8
.set TASK_TRACE_RECURSION, 0xac
.set TASK_TIMER, 0xb0
.set TASK_TIMER_NEXT, 0xb8
.set TASK_PI_LOCK, 0xc0
.set TASK_TIMES, 0xc8
.set TASK_FILES, 0xd0
.set TASK_RCHAR, 0xd8
.set TASK_SYSCR, 0xe0
.set TASK_WCHAR, 0xe8
.set TASK_SYSCW, 0xf0
.set TASK_SLICE_END, 0xf8
.set SCHED_FAIR, 0x0
.set SCHED_STOP, 0x1
.set SCHED_IDLE, 0x2

.set TASK_RUNNING, 0x0
.set TASK_INTERRUPTIBLE, 0x1
.set TASK_NORMAL, 0x3

/* struct wait_queue_entry on the sleeper's stack, and the queue's head (include/linux/wait.h). */
.set WAIT_TASK, 0x0
.set WAIT_FUNC, 0x8
.set WAIT_NEXT, 0x10
.set WAIT_QUEUED, 0x18
.set WAIT_SIZEOF, 0x20
.set WQ_LOCK, 0x0
.set WQ_FIRST, 0x8

/* enqueue and dequeue flags (kernel/sched/sched.h). */
.set DEQUEUE_SLEEP, 0x1
.set ENQUEUE_WAKEUP, 0x1

/* base_slice: what a task may run before another gets the CPU, in ns of the simulated clock. */
.set SCHED_SLICE, 0x100000

/* Per-CPU words of the subsystems, in the area's tail. */
.set PCPU_VM_NODE_STAT_DIFF, 0x400
.set PCPU_VM_EVENTS, 0x440
.set PCPU_CPU_SLAB, 0x480
.set PCPU_SLAB_BYTES, 0x4c0
.set PCPU_RCU_QS, 0x600
.set PCPU_RCU_ALL_QS, 0x608
.set PCPU_RCU_URGENT, 0x610
.set PCPU_RCU_TICKS, 0x618
.set PCPU_RCU_SEEN, 0x620
.set PCPU_RCU_CORE, 0x628
.set PCPU_RCU_NO_QS, 0x630
.set PCPU_RCU_NEEDS_QS, 0x638
.set PCPU_HRTIMER_LOCK, 0x640
.set PCPU_HRTIMER_FIRST, 0x648
.set PCPU_HRTIMER_EVENTS, 0x650
.set PCPU_HRTIMER_EXPIRED, 0x658
.set PCPU_LOCK_CONTENDED, 0x660
.set PCPU_LOCK_SLOWPATH, 0x668
.set PCPU_USER_TICKS, 0x670
.set PCPU_SYSTEM_TICKS, 0x678
.set PCPU_IDLE_TICKS, 0x680
.set PCPU_NEXT_EVENT, 0x688
.set PCPU_RCU_GP_SEQ, 0x690
.set PCPU_AA_CHECKS, 0x698
.set PCPU_COND_RESCHED, 0x6a0
.set PCPU_BDP_RATELIMITS, 0x6a8
.set PCPU_WORKS, 0x6b0

/* struct files_struct of a task. PROFILE: its AppArmor label, an index. */
.set FILES_FD, 0x0
.set FILES_OPEN, 0x40
.set FILES_LOCK, 0x48
.set FILES_PROFILE, 0x50
.set FILES_MAX, 0x8

/* HEAP: what starts as zeroes. Tables of open files lie as the tasks do, 0x100 bytes each. */
.set FILES_BASE, HEAP_BASE
.set PAGES_BASE, HEAP_BASE + 0x4000
.set FOLIOS_BASE, HEAP_BASE + 0x6000
.set SLAB_BASE, HEAP_BASE + 0x8000
.set USER_BASE, HEAP_BASE + 0x10000

/*
 * A kernel thread sleeps between ns and a quarter more, the longer the more CPUs there are: the simulated clock goes on
 * with the instructions of every one. rdi, rsi and what a call changes. Simplified: usleep_range_state() stands for
 * schedule_timeout() in Linux's kswapd(), swait_event_idle_timeout_exclusive() in its rcu_gp_fqs_loop() and schedule()
 * in its worker_thread().
 */
.macro KTHREAD_SLEEP ns
imulq $\ns, nr_cpu_ids(%rip), %rdi
movq %rdi, %rsi
shrq $0x2, %rsi
addq %rdi, %rsi
movl $TASK_INTERRUPTIBLE, %edx
call usleep_range_state
.endm
