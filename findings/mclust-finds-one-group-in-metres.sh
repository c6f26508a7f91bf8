#!/bin/sh
# mclust finds two groups of particles in nanometres, and one group in the same numbers in metres.
#
# Expected: Mclust does not depend on units: another one multiplies all variances by one factor, and adds a
#   constant to BIC.
# Found: EM gives a model up, with a BIC of NA, where a variance falls below 2.2e-16 (emControl()$eps), which is a
#   number of square metres, if the data are in metres: a standard deviation of 10 nm is below. Every
#   model with more than one group is NA then, and what is left is one group. The warnings about it are off
#   by default (mclust.options("warn")). A mixing ratio with a deviation of 1e-7 beside temperatures with
#   one of 10 K is too small as well for "VVV" with two groups, and 47 other models.
# Versions: mclust 6.0.0 (R package, as in Debian's r-cran-mclust), R 4.2.2.
# Why it matters: SI units are what files hold. One group is what BIC says where there are none, so nobody
#   doubts it. Scale the data first, or give control = emControl(eps = 0).
set -eu
Rscript - <<'R'
suppressMessages(library(mclust))
options(warn = 2)
cat("mclust", as.character(packageVersion("mclust")), "on", R.version.string, "\n")
stopifnot(packageVersion("mclust") == "6.0.0")
set.seed(1)
draw <- function(r) matrix(rnorm(600), 300) %*% chol(matrix(c(1, r, r, 1), 2))
x <- rbind(draw(0.8), draw(-0.8) + 3)
truth <- rep(1:2, each = 300)
fit <- function(units, ...) {
  found <- Mclust(x %*% diag(units), verbose = FALSE, ...)
  shift <- 2 * nrow(x) * log(prod(units))
  agreement <- adjustedRandIndex(found$classification, truth)
  c(groups = found$G, agreement = agreement, BIC = found$bic + shift,
    VVV_2 = unname(found$BIC["2", "VVV"]) + shift, failed = sum(is.na(found$BIC)))
}
table <- rbind(
  "lengths in 10 nm" = fit(c(1, 1)),
  "lengths in m" = fit(c(1e-8, 1e-8)),
  "in m, eps = 0" = fit(c(1e-8, 1e-8), control = emControl(eps = 0)),
  "10 K and 1e-7 kg/kg" = fit(c(10, 1e-7)))
print(round(table, 3))
stopifnot(table[c(1, 3), "groups"] == 2, table[c(1, 3), "agreement"] > 0.97, table[1, "failed"] == 0)
if (table[2, "groups"] != 1 || table[2, "failed"] < 100) stop("the behaviour has changed")
if (!is.na(table[4, "VVV_2"])) stop("the behaviour has changed for features of unlike units")
R
