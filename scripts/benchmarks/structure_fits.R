# Eight data sets and mclust's fits of all fourteen structures to them, from its own starts.
#
#     Rscript scripts/benchmarks/structure_fits.R FOLDER K_MAX [NAME ...]
#
# writes the rows as FOLDER/NAME.csv, and a line for each fit to FOLDER/fits.txt: data set,
# structure, K, log-likelihood, BIC (smaller is better), the least weight of a component times the
# number of rows, and the least reciprocal condition number of a covariance. FOLDER/parameters.txt has
# the weights, means and covariances of the same fits. A tolerance of 1e-9 and no prior; fits that
# fail have no line. With names, of these data sets alone.
suppressPackageStartupMessages(library(mclust))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
data(diabetes, banknote, thyroid, package = "mclust")
sets <- list(
  iris = iris[, 1:4], faithful = faithful, diabetes = diabetes[, -1], banknote = banknote[, -1],
  thyroid = thyroid[, -1], quakes = quakes[, 1:4], trees = trees, swiss = swiss
)
if (length(arguments) > 2) sets <- sets[arguments[-(1:2)]]
exact <- emControl(tol = c(1e-9, 1e-9), itmax = c(1e5, 1e5))
single <- c(EII = "XII", VII = "XII", EEI = "XXI", VEI = "XXI", EVI = "XXI", VVI = "XXI")
lines <- character()
parameters <- character()
for (name in names(sets)) {
  rows <- as.matrix(sets[[name]])
  write.table(rows, file.path(folder, paste0(name, ".csv")), sep = ",",
              row.names = FALSE, col.names = FALSE)
  for (model in mclust.options("emModelNames")) {
    for (k in seq_len(as.integer(arguments[2]))) {
      asked <- model
      if (k == 1) asked <- if (model %in% names(single)) single[[model]] else "XXX"
      found <- suppressWarnings(try(
        Mclust(rows, G = k, modelNames = asked, control = exact, verbose = FALSE), TRUE
      ))
      if (is.null(found) || inherits(found, "try-error") || is.na(found$loglik)) next
      p <- found$parameters
      weights <- if (k == 1) 1 else p$pro
      sigma <- array(p$variance$sigma, c(ncol(rows), ncol(rows), k))
      conditions <- apply(sigma, 3, rcond)
      lines <- c(lines, sprintf(
        "%s %s %d %.17g %.17g %.6g %.6g", name, model, k, found$loglik, -found$bic,
        min(weights) * nrow(rows), min(conditions)
      ))
      numbers <- sprintf("%.17g", c(weights, p$mean, sigma))
      parameters <- c(parameters, paste(numbers, collapse = " "))
    }
  }
}
writeLines(lines, file.path(folder, "fits.txt"))
writeLines(parameters, file.path(folder, "parameters.txt"))
