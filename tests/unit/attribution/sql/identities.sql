CREATE TABLE trueline.identities_1 (node String, ats Array(Int64), users Array(String), shares Array(Float32), root String, since UInt64) ENGINE = Join(ANY, LEFT, node) SETTINGS persistent = 0
