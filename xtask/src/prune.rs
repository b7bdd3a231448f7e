//! Leaves code out of the console that it carries and never runs.

use anyhow::{Result, anyhow};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module, ModuleConfig};

/// Parts of the names of functions that never run: hydration that waits for suspended parts, of which no page has any,
/// and hydration of templates, which no view is. Views carry both behind pointers, so that no compiler can tell. The
/// compiler must not have folded functions that are alike into one, which then runs under another's name.
const NEVER_RUN: [&str; 2] = ["hydrate_async", "hydrate_from_template"];

/// Has each function that never runs do nothing but trap. What only they call goes with them in the next pass.
///
/// # Errors
/// The WebAssembly cannot be read.
pub(crate) fn prune(wasm: &[u8]) -> Result<Module> {
    let mut module =
        ModuleConfig::new().parse(wasm).map_err(|error| anyhow!("the console cannot be read: {error:#}"))?;
    let never_run: Vec<FunctionId> =
        module.funcs.iter_local().map(|(id, _)| id).filter(|id| is_never_run(&module, *id)).collect();
    for id in never_run {
        let (parameters, results) = module.types.params_results(module.funcs.get(id).ty());
        let (parameters, results) = (parameters.to_vec(), results.to_vec());
        let mut trap = FunctionBuilder::new(&mut module.types, &parameters, &results);
        trap.func_body().unreachable();
        let arguments = parameters.iter().map(|parameter| module.locals.add(*parameter)).collect();
        module.funcs.get_mut(id).kind = FunctionKind::Local(trap.local_func(arguments));
    }
    Ok(module)
}

fn is_never_run(module: &Module, id: FunctionId) -> bool {
    module.funcs.get(id).name.as_deref().is_some_and(|name| NEVER_RUN.iter().any(|part| name.contains(part)))
}
