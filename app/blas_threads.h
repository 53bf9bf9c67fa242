// OpenBLAS's own threads.
#pragma once

namespace sextant::app {

// Ends them. OpenBLAS starts one for every core but the first when it is loaded, and they wait for work by spinning for
// a tenth of a second, which takes the cores from whoever begins to work. This program's threads are Sextant's, with
// BLAS on one thread in each. Called before anything is computed; nothing happens where OpenBLAS cannot be asked to.
void end_blas_threads();

}  // namespace sextant::app
