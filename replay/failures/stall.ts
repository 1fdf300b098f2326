/** RCU waits in vain for a hart. Source: Linux, kernel/rcu/tree_stall.h, called wherever a stall is reported. */
import type { Detector } from "./failure.ts";

export const stall: Detector = {
  symbol: "rcu_check_gp_kthread_starvation",
  see: () => ({ kind: "rcu-stall", message: "RCU stalled: a hart did not pass a quiescent state" }),
};
