//! Memory for guests that stays resident from one guest to the next.
//!
//! A guest that starts on fresh pages pays for each first write to one, and every such fault
//! interrupts all processors that run a thread of the process. Here a guest gets the memory of one
//! that has ended, which was brought back to its image by copying: no page table changes.

use wasmtime::{Enabled, PoolingAllocationConfig};

/// Bytes of a memory that are kept and copied; what a guest uses beyond them goes back to the system.
/// The images of guests have 30 MB.
const KEPT_MEMORY: usize = 64 << 20;

/// Likewise of a table of functions.
const KEPT_TABLE: usize = 1 << 20;

/// Entries of the largest table of functions; that of the guest has some 13,000.
const TABLE_ELEMENTS: usize = 40_000;

/// Bytes of what the engine keeps about an instance. It grows with the number of functions.
const INSTANCE_SIZE: usize = 4 << 20;

/// The fewest guests for which there is room, so that a small machine can hold many that wait.
const FEWEST: u32 = 64;

/// How many guests can be alive in one engine.
///
/// At most as many run as there are workers, by default one a processor, and one more for each
/// thread that prepares a session or boots a sandbox. Only address space is set aside for them.
pub(super) fn slots() -> u32 {
    processors().saturating_mul(4).max(FEWEST)
}

/// How many memories may wait for guests of their image before one is given to another image. They
/// bound what an idle engine holds, and save the faults of the first guest that follows another image.
fn waiting() -> u32 {
    processors().saturating_mul(4).max(8)
}

fn processors() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(processors).unwrap_or(u32::MAX)
}

/// Room for `slots` guests. Each has one memory, in the instance that carries the image, and one
/// table, in that of the code.
pub(super) fn pool(slots: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // One instance more, so that it is the memories that run out.
    pool.total_core_instances(slots.saturating_mul(2).saturating_add(1))
        .total_memories(slots)
        .total_tables(slots)
        .max_core_instance_size(INSTANCE_SIZE)
        .table_elements(TABLE_ELEMENTS)
        // All that 32 bits can address: `InstanceLimits::memory` is the limit.
        .max_memory_size(1 << 32)
        .max_unused_warm_slots(waiting())
        .linear_memory_keep_resident(KEPT_MEMORY)
        .table_keep_resident(KEPT_TABLE)
        // The scan for dirty pages gives up after 32 ranges, and a guest leaves a thousand.
        .pagemap_scan(Enabled::No)
        .decommit_batch_size(1);
    pool
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::sync::Arc;

    use wasmtime::{Engine, Module};

    use super::*;
    use crate::interpreter::engine::runtime::{Runtime, engine, engine_with};
    use crate::interpreter::engine::{
        GuestInstance, GuestSnapshot, InstanceLimits, MemoryImage, PAGE,
    };
    use crate::interpreter::wasi::WasiCtx;
    use crate::{Error, Result};

    /// A guest that can spoil everything that it has.
    const CODE: &str = r#"(module
        (import "env" "memory" (memory 1))
        (global (export "__stack_pointer") (mut i32) (i32.const 4096))
        (table 3 funcref)
        (elem (i32.const 0) $one $two)
        (func $one (result i32) (i32.const 1))
        (func $two (result i32) (i32.const 2))
        (func (export "ask") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "spoil")
            (table.copy (i32.const 0) (i32.const 1) (i32.const 1))
            (table.copy (i32.const 2) (i32.const 1) (i32.const 1))
            (memory.fill (i32.const 0) (i32.const 0x55)
                (i32.mul (memory.size) (i32.const 65536)))))"#;

    fn runtime(engine: Engine) -> Arc<Runtime> {
        let code = Module::new(&engine, wat::parse_str(CODE).unwrap()).unwrap();
        Runtime::new(engine, code).unwrap()
    }

    fn clone(snapshot: &GuestSnapshot) -> Result<GuestInstance> {
        snapshot.instantiate(WasiCtx::builder().build(), &InstanceLimits::default())
    }

    fn snapshot(runtime: &Arc<Runtime>, image: &MemoryImage) -> GuestSnapshot {
        GuestSnapshot::new(runtime, image, WasiCtx::builder().build()).unwrap()
    }

    /// The memory that an image stands for, and some pages of zeros.
    fn content(image: &MemoryImage, more: usize) -> Vec<u8> {
        let mut bytes = vec![0; (image.pages as usize + more) * PAGE];
        bytes[image.offset as usize..][..image.bytes.len()].copy_from_slice(&image.bytes);
        bytes
    }

    #[test]
    fn a_slot_that_is_used_again_is_as_a_new_one() {
        let beyond = KEPT_MEMORY / PAGE;
        let image = |offset: usize, bytes: Vec<u8>, pages: usize| MemoryImage {
            offset: offset as u32,
            bytes,
            pages: pages as u32,
        };
        let images = [
            image(4096, (0..=255).cycle().take(50_000).collect(), 2),
            image(0, vec![7; 3 * PAGE], 3),
            image(0, Vec::new(), 1),
            // One that is kept in part only.
            image(KEPT_MEMORY - 4096, vec![9; 8192], beyond + 2),
        ];
        for engine in [engine_with(1).unwrap(), engine_with(u32::MAX).unwrap()] {
            let runtime = runtime(engine);
            let snapshots = images.each_ref().map(|image| snapshot(&runtime, image));
            for (round, at) in [0, 0, 1, 0, 3, 2, 3, 3, 1, 2, 2, 0].into_iter().enumerate() {
                let more = if round % 3 == 1 { beyond + 5 } else { 2 * round };
                let mut guest = clone(&snapshots[at]).unwrap();
                assert!(guest.memory() == content(&images[at], 0), "image {at} in round {round}");
                guest.call::<_, i32>("grow", more as u32).unwrap();
                assert!(guest.memory() == content(&images[at], more), "growth in round {round}");
                assert_eq!(guest.call::<_, i32>("ask", 0).unwrap(), 1);
                assert!(guest.call::<_, i32>("ask", 2).is_err(), "there is no third function");
                guest.call::<_, ()>("spoil", ()).unwrap();
                assert_eq!(guest.call::<_, i32>("ask", 0).unwrap(), 2);
                assert_eq!(guest.call::<_, i32>("ask", 2).unwrap(), 2);
            }
        }
    }

    #[test]
    fn beyond_all_slots_the_error_names_the_remedy() {
        let runtime = runtime(engine_with(2).unwrap());
        let image = MemoryImage { offset: 0, bytes: vec![1], pages: 1 };
        let snapshot = snapshot(&runtime, &image);
        let alive = [clone(&snapshot).unwrap(), clone(&snapshot).unwrap()];
        let error = clone(&snapshot).err().unwrap();
        assert!(matches!(&error, Error::Crowded { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("limit of 2") && text.contains("drop some"), "{text}");
        drop(alive);
        assert!(clone(&snapshot).is_ok());
    }

    #[test]
    fn without_address_space_guests_run_on_memory_of_their_own() {
        let is_pooled = |engine: &Engine| engine.pooling_allocator_metrics().is_some();
        // No processor has as much.
        let without = engine_with(u32::MAX).unwrap();
        assert!(!is_pooled(&without));
        let with = engine().unwrap();
        assert_eq!(is_pooled(&with), cfg!(target_os = "linux"));
        let key = |engine: &Engine| {
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(key(&with), key(&without), "machine code is exchanged between them");
        let runtime = runtime(without);
        let image = MemoryImage { offset: 0, bytes: vec![1], pages: 1 };
        let snapshot = snapshot(&runtime, &image);
        let alive: Vec<_> = (0..100).map(|_| clone(&snapshot).unwrap()).collect();
        assert!(alive.iter().all(|guest| guest.memory() == content(&image, 0)));
    }
}
