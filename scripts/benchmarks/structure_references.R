# M-steps and log-likelihoods of mclust's fourteen models, as JSON on standard output.
# Rscript structure_references.R NAME=ROWS.csv,RESPONSIBILITIES.csv ...; the `.py` calls it.
suppressPackageStartupMessages(library(mclust))

numbers <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ", "), "]")
rows <- function(x) paste0("[", paste(apply(x, 1, numbers), collapse = ", "), "]")
exact <- emControl(tol = c(1e-15, 1e-15), itmax = c(1e5, 1e5))

describe_model <- function(x, z, model) {
  fit <- mstep(x, model, z, control = exact)$parameters
  covariances <- lapply(seq_len(ncol(z)), function(k) rows(fit$variance$sigma[, , k]))
  paste0(
    "\"", model, "\": {\"covariances\": [", paste(covariances, collapse = ", "), "],\n",
    "\"log_likelihood\": ", sprintf("%.17g", estep(x, model, fit)$loglik), ",\n",
    "\"n_parameters\": ", nMclustParams(model, ncol(x), ncol(z)), "}"
  )
}

describe <- function(name, x, z) {
  models <- mclust.options("emModelNames")
  found <- sapply(models, function(model) describe_model(x, z, model))
  paste0("\"", name, "\": {\n", paste(found, collapse = ",\n"), "\n}")
}

read <- function(file) as.matrix(read.csv(file, header = FALSE))
cases <- strsplit(commandArgs(trailingOnly = TRUE), "[=,]")
found <- sapply(cases, function(case) describe(case[1], read(case[2]), read(case[3])))
cat("{\n", paste(found, collapse = ",\n"), "\n}\n", sep = "")
