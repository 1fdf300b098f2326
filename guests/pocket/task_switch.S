/* void task_switch(uint64_t *save_sp, uint64_t load_sp): the calling convention saves the rest. */
    .text
    .globl task_switch
    .type task_switch, @function
task_switch:
    addi sp, sp, -112
    sd ra, 0(sp)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    sd s\n, 8+8*\n(sp)
    .endr
    sd sp, 0(a0)
    mv sp, a1
    ld ra, 0(sp)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    ld s\n, 8+8*\n(sp)
    .endr
    addi sp, sp, 112
    ret
    .size task_switch, . - task_switch

/* Where a task's first switch lands: s1 is the function that it runs. */
    .globl task_start
    .type task_start, @function
task_start:
    csrsi sstatus, 2
    jalr s1
    call task_exit
    .size task_start, . - task_start
