# What mclust (clustCombi) and fpc (mergenormals) join, as JSON on standard output.
# Rscript merging_references.R NAME=FILE.csv,COMPONENTS ...; `merging_references.py` calls it.
suppressPackageStartupMessages({library(mclust); library(fpc)})

numbers <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ", "), "]")
rows <- function(x) paste0("[", paste(apply(x, 1, numbers), collapse = ", "), "]")

combined_pairs <- function(combined, n) {
  names <- seq_len(n)
  pairs <- NULL
  for (k in n:2) {
    joined <- which(rowSums(combined$combiM[[k - 1]]) == 2)
    both <- which(combined$combiM[[k - 1]][joined, ] == 1)
    pairs <- rbind(pairs, names[both] - 1)
    names <- names[-both[2]]
  }
  pairs
}

describe <- function(name, file, n) {
  x <- as.matrix(read.csv(file, header = FALSE))
  exact <- emControl(tol = c(1e-14, 1e-14), itmax = c(1e5, 1e5))
  fit <- Mclust(x, G = n, modelNames = "VVV", control = exact, verbose = FALSE)
  fit$z <- estep(x, "VVV", fit$parameters)$z  # Mclust's are of the parameters before
  fit$classification <- map(fit$z)
  combined <- clustCombi(fit)
  optimum <- clustCombiOptim(combined)
  entropy <- sapply(1:n, function(k) -sum(mclust:::xlog(as.matrix(combined$combiz[[k]]))))
  merged <- mergenormals(x, fit, method = "demp")
  whole <- mergenormals(x, fit, method = "demp", numberstop = 1)
  parameters <- fit$parameters
  covariances <- lapply(seq_len(n), function(k) rows(parameters$variance$sigma[, , k]))
  paste0(
    "\"", name, "\": {\n",
    "\"weights\": ", numbers(parameters$pro), ",\n",
    "\"means\": ", rows(t(parameters$mean)), ",\n",
    "\"covariances\": [", paste(covariances, collapse = ", "), "],\n",
    "\"entropy_pairs\": ", rows(combined_pairs(combined, n)), ",\n",
    "\"entropies\": ", numbers(entropy), ",\n",
    "\"entropy_clusters\": ", optimum$numClusters.combi, ",\n",
    "\"joining\": ", numbers(whole$defunct.components - 1), ",\n",
    "\"misclassification\": ", numbers(whole$valuemerged), ",\n",
    "\"demp_clusters\": ", numbers(merged$mergedtonumbers - 1), "\n}"
  )
}

cases <- strsplit(commandArgs(trailingOnly = TRUE), "[=,]")
found <- sapply(cases, function(case) describe(case[1], case[2], as.integer(case[3])))
cat("{\n", paste(found, collapse = ",\n"), "\n}\n", sep = "")
