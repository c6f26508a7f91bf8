# Mixtures that mclust fits to partly labelled rows, and their log-likelihoods, as JSON.
# Arguments: NAME=FILE.csv,N_COMPONENTS ...; the last column of a file is the label, -1 if unknown.

suppressPackageStartupMessages(library(mclust))

number <- function(x) paste0("[", paste(formatC(x, digits = 17, format = "g"), collapse = ", "), "]")

kinds <- c(full = "VVV", tied = "EEE", diag = "VVI", spherical = "VII", VEV = "VEV", EEI = "EEI")

fit <- function(x, labels, kind, n_components) {
  labels[labels < 0] <- NA
  found <- MclustSSC(x, labels, G = n_components, modelNames = kinds[[kind]], verbose = FALSE)
  parameters <- found$parameters
  sprintf(
    '"%s": {"weights": %s, "means": %s, "covariances": %s, "log_likelihood": %s}',
    kind, number(parameters$pro), number(parameters$mean), number(parameters$variance$sigma),
    number(found$loglik)
  )
}

describe <- function(argument) {
  name <- sub("=.*", "", argument)
  parts <- strsplit(sub("^[^=]*=", "", argument), ",")[[1]]
  table <- as.matrix(read.csv(parts[1], header = FALSE))
  x <- table[, -ncol(table)]
  fits <- sapply(
    names(kinds), function(kind) fit(x, table[, ncol(table)], kind, as.integer(parts[2]))
  )
  sprintf('"%s": {%s}', name, paste(fits, collapse = ",\n"))
}

cat("{", paste(sapply(commandArgs(trailingOnly = TRUE), describe), collapse = ",\n"), "}\n")
