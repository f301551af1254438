/* gcc -S -O2 -fno-pic -mcmodel=kernel -mgeneral-regs-only -fno-stack-protector makes sum.s of this. */
static long table[4] = {10, 20, 30, 40};
static long calls;
const char name[] = "sum";

long gcc_sum(long n)
{
	long sum = 0;

	calls++;
	for (long i = 0; i < n; i++)
		sum += table[i & 3];
	return sum;
}

long gcc_kind(unsigned int kind)
{
	switch (kind) {
	case 0: return name[0];
	case 1: return calls;
	case 2: return gcc_sum(3) + 1;
	case 3: return table[0]--;
	case 4: return table[1] * 3;
	case 5: return kind << calls;
	}
	return -22;
}
