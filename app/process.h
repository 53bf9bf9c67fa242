// What this process does otherwise than a library may.
#pragma once

namespace sextant::app {

// Called before anything is computed.
//
// Ends OpenBLAS's own threads: it starts one for every core but the first when it is loaded, and they wait for work by
// spinning for a tenth of a second, which takes the cores from whoever begins to work. This program's threads are
// Sextant's, with BLAS on one thread in each.
//
// Has malloc keep the memory of matrices that are given back, of which searches make thousands: taken from the system
// anew, every page of them is cleared first.
void prepare_process();

}  // namespace sextant::app
