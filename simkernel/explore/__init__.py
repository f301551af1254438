"""All orders of events of a patch protocol: safe, or the shortest schedule that breaks it.

Take a step out of a protocol, choose a fetch model, and the explorer looks at every interleaving of the patching task,
the CPUs, the bytes that come to each, and the answers to syncs. Its answer is a proof for that model or a shortest
schedule, in sentences.

    case        the site that changes: its bytes before and after, and where they lead
    effects     what a string of fetched bytes does, found out by running it
    program     the patching task's actions at the site, from the protocol's table
    rules       what the hardware and the kernel promise, each under a name
    world       where everybody stands, and what each can do next
    properties  what a protocol has to keep
    search      breadth first over all of it
    sentences   a schedule in words, and back
    question    one question and its answer, in words
    replay      a schedule on the real simulation, through the guest's own handler
    stage       where it begins there, every CPU at the site
    player      takes its steps one by one
    run_cpu     one CPU alone to an instruction: the way between two steps
    witness     who looks on there, and says by itself what was broken
    reasons     why a verdict is as it is, a sentence each
    ablation    the table of every protocol, whole and without each of its steps

What a fetch model allows is more than CPUs do: it stands for what manuals leave open. "Safe" is said of a model.
A question says whether NMIs come. `Simplified:` where they do, nothing else runs the site, so no NMI comes into an int3
handler of the same site; one site, one batch, one interrupted task a CPU; the patching task is none of the CPUs.
"""

from simkernel.explore.question import Finding, Question, explore, explore_each

__all__ = ["Finding", "Question", "explore", "explore_each"]
