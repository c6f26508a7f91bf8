# Fit one data set with mclust, every structure and number of components, without a prior.
#
#     Rscript scripts/benchmarks/mclust_fits.R ROWS.txt K_MAX > fits.txt
#
# A line for each fit that did not fail: structure, K, log-likelihood, weights (K), means (K x d,
# component by component), covariances (K x d x d, likewise).
suppressPackageStartupMessages(library(mclust))
arguments <- commandArgs(trailingOnly = TRUE)
rows <- as.matrix(read.table(arguments[1]))
models <- c(full = "VVV", tied = "EEE", diag = "VVI", spherical = "VII")
for (structure in names(models)) {
  for (k in seq_len(as.integer(arguments[2]))) {
    model <- models[[structure]]
    # For one component mclust wants the names without a leading letter for differing volumes.
    if (k == 1) model <- c(VVV = "XXX", EEE = "XXX", VVI = "XXI", VII = "XII")[[model]]
    found <- suppressWarnings(try(Mclust(rows, G = k, modelNames = model, verbose = FALSE), TRUE))
    if (is.null(found) || inherits(found, "try-error") || is.na(found$loglik)) next
    p <- found$parameters
    weights <- if (k == 1) 1 else p$pro[seq_len(k)]
    numbers <- c(found$loglik, weights, p$mean, p$variance$sigma)
    cat(structure, k, format(numbers, digits = 17, scientific = TRUE, trim = TRUE), "\n")
  }
}
