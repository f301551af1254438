/*
 * pelt.S: per-entity load tracking (Linux: kernel/sched/pelt.c). How much of each 1024 us period an entity could run,
 * summed with a weight that halves every 32 periods (y^32 = 1/2). Integers only, exactly Linux's.
 *
 *   u64 decay_load(u64 val, u64 n)                                            rdi rsi; rax = val * y^n
 *   u32 __accumulate_pelt_segments(u64 periods, u32 d1, u32 d3)               rdi rsi rdx
 *   int __update_load_avg_se(u64 now, struct cfs_rq *, struct sched_entity *) rdi rsi rdx; rax 1 if a period ended
 *   int __update_load_avg_cfs_rq(u64 now, struct cfs_rq *)                    rdi rsi
 *
 * Here struct rq * stands for its cfs_rq and task_struct * for its sched_entity.
 * Simplified: Linux tracks runnable and util sums too; here only load_sum and load_avg.
 */
.set LOAD_AVG_PERIOD, 0x20
.set LOAD_AVG_MAX, 0xba7e

/* Beyond 63 halvings nothing is left; below, one shift for whole halvings and one product for the rest. */
SYM_FUNC_START_LOCAL decay_load
	xorl %eax, %eax
	cmpq $LOAD_AVG_PERIOD * 0x3f, %rsi
	ja .Ldecay_gone
	movl %esi, %ecx
	shrl $0x5, %ecx
	movq %rdi, %rax
	shrq %cl, %rax
	andl $LOAD_AVG_PERIOD - 0x1, %esi
	leaq runnable_avg_yN_inv(%rip), %rdx
	movl (%rdx,%rsi,0x4), %edx
	mulq %rdx
	shrdq $0x20, %rdx, %rax
.Ldecay_gone:
	ret
SYM_FUNC_END decay_load

/*
 * The three parts of what an entity gained: d1 that completes the old period, the full periods between, d3 of the
 * new one. The middle is a difference of two limits, so it costs one decay and no loop.
 */
SYM_FUNC_START_LOCAL __accumulate_pelt_segments
	pushq %rbx
	pushq %r12
	pushq %r13
	movq %rdi, %rbx
	movl %edx, %r12d
	movl %esi, %edi
	movq %rbx, %rsi
	call decay_load
	movl %eax, %r13d
	movl $LOAD_AVG_MAX, %edi
	movq %rbx, %rsi
	call decay_load
	movl $LOAD_AVG_MAX - 0x400, %ecx
	subl %eax, %ecx
	leal (%r13,%rcx), %eax
	addl %r12d, %eax
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __accumulate_pelt_segments

/* An entity that is queued has load 1; its average is weighed by NICE_0 (1024, scaled down to itself). */
SYM_FUNC_START __update_load_avg_se
	pushq %rbx
	movq %rdx, %rbx
	leaq TASK_AVG(%rbx), %rsi
	movl TASK_ON_RQ(%rbx), %edx
	call ___update_load_sum
	testl %eax, %eax
	je .Lload_avg_se_same
	movl $0x400, %esi
	leaq TASK_AVG(%rbx), %rdi
	call ___update_load_avg
	movl $0x1, %eax
.Lload_avg_se_same:
	popq %rbx
	ret
SYM_FUNC_END __update_load_avg_se

/* A queue's load is the weight of all its entities: 1024 each. */
SYM_FUNC_START __update_load_avg_cfs_rq
	pushq %r12
	leaq CFS_AVG(%rsi), %r12
	movq CFS_NR_RUNNING(%rsi), %rdx
	shlq $0xa, %rdx
	movq %r12, %rsi
	call ___update_load_sum
	testl %eax, %eax
	je .Lload_avg_cfs_same
	movq %r12, %rdi
	movl $0x1, %esi
	call ___update_load_avg
	xorl %eax, %eax
	incl %eax
.Lload_avg_cfs_same:
	popq %r12
	ret
SYM_FUNC_END __update_load_avg_cfs_rq

/*
 * ___update_load_sum(u64 now, struct sched_avg *sa, unsigned long load) with accumulate_sum() in it: rdi rsi rdx;
 * rax the periods that ended. Simplified: __always_inline in Linux; here one copy without a site serves both callers.
 */
SYM_FUNC_START_NOTRACE_LOCAL ___update_load_sum
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	movq %rsi, %rbx
	movq %rdx, %r12
/* A clock that went back only restarts the count; less than 1024 ns is left for the next time. */
	movq %rdi, %rax
	subq AVG_LAST_UPDATE_TIME(%rbx), %rax
	js .Lload_sum_restart
	shrq $0xa, %rax
	je .Lload_sum_done
	movq %rax, %rcx
	shlq $0xa, %rcx
	addq %rcx, AVG_LAST_UPDATE_TIME(%rbx)
/* r13 = contrib if no period ends, r14 = periods, then the remainder goes to period_contrib. */
	movl %eax, %r13d
	movl AVG_PERIOD_CONTRIB(%rbx), %ecx
	addq %rcx, %rax
	movq %rax, %r14
	andl $0x3ff, %eax
	shrq $0xa, %r14
	je .Lload_sum_add
	pushq %rax
	movq AVG_LOAD_SUM(%rbx), %rdi
	movq %r14, %rsi
	call decay_load
	movq %rax, AVG_LOAD_SUM(%rbx)
	movl $0x400, %esi
	subl AVG_PERIOD_CONTRIB(%rbx), %esi
	movl (%rsp), %edx
	movq %r14, %rdi
	call __accumulate_pelt_segments
	movl %eax, %r13d
	popq %rax
.Lload_sum_add:
	movl %eax, AVG_PERIOD_CONTRIB(%rbx)
	movl %r13d, %eax
	mulq %r12
	addq %rax, AVG_LOAD_SUM(%rbx)
	movq %r14, %rax
	jmp .Lload_sum_out
.Lload_sum_restart:
	movq %rdi, AVG_LAST_UPDATE_TIME(%rbx)
.Lload_sum_done:
	xorl %eax, %eax
.Lload_sum_out:
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END ___update_load_sum

/* ___update_load_avg(sa, load): rdi rsi. The divider is the sum that a load of 1 would have by now. */
SYM_FUNC_START_NOTRACE_LOCAL ___update_load_avg
	movq AVG_LOAD_SUM(%rdi), %rax
	mulq %rsi
	movl AVG_PERIOD_CONTRIB(%rdi), %ecx
	addl $LOAD_AVG_MAX - 0x400, %ecx
	divq %rcx
	movq %rax, AVG_LOAD_AVG(%rdi)
	ret
SYM_FUNC_END ___update_load_avg

/* y^n in 32-bit fixed point for n < 32 (kernel/sched/sched-pelt.h; floor(2^32 * 0.5^(n/32)), at most 2^32 - 1). */
.data
SYM_DATA_START_LOCAL runnable_avg_yN_inv
	.long 0xffffffff, 0xfa83b2da, 0xf5257d14, 0xefe4b99a, 0xeac0c6e6, 0xe5b906e6, 0xe0ccdeeb, 0xdbfbb796
	.long 0xd744fcc9, 0xd2a81d91, 0xce248c14, 0xc9b9bd85, 0xc5672a10, 0xc12c4cc9, 0xbd08a39e, 0xb8fbaf46
	.long 0xb504f333, 0xb123f581, 0xad583ee9, 0xa9a15ab4, 0xa5fed6a9, 0xa2704302, 0x9ef5325f, 0x9b8d39b9
	.long 0x9837f050, 0x94f4efa8, 0x91c3d373, 0x8ea4398a, 0x8b95c1e3, 0x88980e80, 0x85aac367, 0x82cd8698
SYM_DATA_END runnable_avg_yN_inv
.text
