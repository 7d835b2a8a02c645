// kernel_fence: a full memory fence. Go has none, and neither has LLVM's wasm back end
// an intrinsic that TinyGo could call, so it is written down here. WebAssembly threads
// proposal, atomic.fence: sequentially consistent, orders all accesses.
	.globl kernel_fence
	.type kernel_fence,@function
kernel_fence:
	.functype kernel_fence () -> ()
	atomic.fence
	end_function
