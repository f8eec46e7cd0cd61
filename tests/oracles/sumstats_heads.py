"""The first rows of summary statistics, as each program writes them.

The same three variants in every file: A is the allele of the effect -.02 or .02, rs1 and rs2 lie
on chromosome 1, rs3 on X. Made after the programs' documentation, or what they printed.
"""
# ruff: noqa: E501

import math

import numpy as np
from scipy.stats import norm

SSF = "chromosome\tbase_pair_location\teffect_allele\tother_allele\t"
EFFECT, ERROR, P = 0.02, 0.005, 2 * norm.sf(4)
LP = -np.log10(P)

# the same three variants, each as a program writes them; A is the allele of the effect -.02 and
# rs1, rs2 lie on chromosome 1, rs3 on X
FILES = {
    "GWAS-SSF": SSF
    + "beta\tstandard_error\teffect_allele_frequency\tp_value\trsid\tn\n"
    + f"1\t10\tA\tG\t.02\t.005\t.3\t{P}\trs1\t900\n1\t20\tC\tT\t-.02\t.005\t.1\t{P}\trs2\t1000\n"
    + "X\t30\tA\tAT\t#NA\tNA\tNA\tNA\trs3\t#NA\n",
    "LDSC": "SNP\tA1\tA2\tZ\tN\nrs1\tA\tG\t4\t900\nrs2\tC\tT\t-4\t1000\nrs3\tA\tAT\t\t\n",
    "PLINK 2": "#CHROM\tPOS\tID\tREF\tALT\tA1\tA1_FREQ\tTEST\tOBS_CT\tBETA\tSE\tT_STAT\tP\t"
    + "ERRCODE\n"
    + f"1\t10\trs1\tG\tA\tA\t.3\tADD\t900\t.02\t.005\t4\t{P}\t.\n"
    + "1\t10\trs1\tG\tA\tA\t.3\tCOVAR1\t900\t7\t.005\t4\t.2\t.\n"
    + f"1\t20\trs2\tC\tT\tC\t.1\tADD\t1000\t-.02\t.005\t-4\t{P}\t.\n"
    + "X\t30\trs3\tAT\tA,AG\tA\tNA\tADD\tNA\tNA\tNA\tNA\tNA\tCONST_ALLELE\n",
    "PLINK 1": " CHR SNP   BP A1 TEST NMISS BETA SE L95 U95  STAT P\n"
    + f"  1  rs1   10  A ADD 900  .02 .005 .01 .03 4 {P}\n"
    + "  1  rs1   10  A SEX 900  7 .005 .01 .03 4 .2\n"
    + f"  1  rs2   20  C ADD 1000  -.02 .005 .01 .03 -4 {P}\n"
    + "  23  rs3   30  A ADD NA  NA NA NA NA NA NA\n",
    "REGENIE": "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ INFO N TEST BETA SE CHISQ LOG10P EXTRA\n"
    + f"1 10 rs1 G A .3 1 900 ADD .02 .005 16 {-np.log10(P)} NA\n"
    + f"1 20 rs2 T C .1 1 1000 ADD -.02 .005 16 {-np.log10(P)} NA\n"
    + "23 30 rs3 AT A NA 1 NA ADD NA NA NA NA TEST_FAIL\n",
    "BOLT-LMM": "SNP\tCHR\tBP\tGENPOS\tALLELE1\tALLELE0\tA1FREQ\tF_MISS\tBETA\tSE\t"
    + "P_BOLT_LMM_INF\tP_BOLT_LMM\n"
    + f"rs1\t1\t10\t.0012\tA\tG\t.3\t0\t.02\t.005\t.9\t{P}\n"
    + f"rs2\t1\t20\t.0013\tC\tT\t.1\t0\t-.02\t.005\t.9\t{P}\n"
    + "rs3\t23\t30\t.0014\tA\tAT\t-\t0\t-\t-\t-\t-\n",
    "SAIGE": "CHR\tPOS\tMarkerID\tAllele1\tAllele2\tAF_Allele2\tBETA\tSE\tTstat\tp.value\tN\n"
    + f"chr1\t10\trs1\tG\tA\t.3\t.02\t.005\t9\t{P}\t900\n"
    + f"chr1\t20\trs2\tT\tC\t.1\t-.02\t.005\t9\t{P}\t1000\n"
    + "chrX\t30\trs3\tAT\tA\tNA\tNA\tNA\tNA\tNA\tNA\n",
    "GWAS-VCF": "##fileformat=VCFv4.2\n##FORMAT=<ID=ES,Number=A,Type=Float,Description=x>\n"
    + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tIEU-a-2\n"
    + f"1\t10\trs1\tG\tA\t.\tPASS\tAF=.3\tES:SE:LP:AF:SS:ID\t.02:.005:{LP}:.3:900:rs1\n"
    + f"1\t20\trs2\tT\tC\t.\tPASS\t.\tES:SE:LP:SS:AF\t-.02:.005:{LP}:1000:.1\n"
    + "X\t30\trs3\tAT\tA\t.\tPASS\t.\tES:SE:LP\t.:.:.\n",
    "GWAS Catalog, harmonised": "hm_variant_id\thm_rsid\thm_chrom\thm_pos\thm_other_allele\t"
    + "hm_effect_allele\thm_beta\thm_odds_ratio\thm_ci_lower\thm_ci_upper\t"
    + "hm_effect_allele_frequency\thm_code\tvariant_id\tp_value\tchromosome\t"
    + "base_pair_location\teffect_allele\tother_allele\tbeta\tstandard_error\tn\n"
    + f"1_10_G_A\trs1\t1\t10\tG\tA\t.02\tNA\tNA\tNA\t.3\t11\trs1\t{P}\t1\t9\tG\tA\t-.02\t.005\t"
    + f"900\n1_20_T_C\trs2\t1\t20\tT\tC\t-.02\tNA\tNA\tNA\t.1\t10\trs2\t{P}\t1\t8\tC\tT\t-.02\t"
    + ".005\t1000\n"
    + "X_30_AT_A\trs3\tX\t30\tAT\tA\tNA\tNA\tNA\tNA\tNA\t10\trs3\tNA\tX\t7\tA\tAT\tNA\tNA\tNA\n",
    "REGENIE, --htp": "Name\tChr\tPos\tRef\tAlt\tTrait\tCohort\tModel\tEffect\tLCI_Effect\t"
    + "UCI_Effect\tPval\tAAF\tNum_Cases\tCases_Ref\tCases_Het\tCases_Alt\tNum_Controls\t"
    + "Controls_Ref\tControls_Het\tControls_Alt\tInfo\n"
    + f"rs1\t1\t10\tG\tA\tY\tUKB\tADD-WGR-FIRTH\t1.0202\t1\t1.1\t{P}\t.3\t450\t1\t1\t1\t450\t"
    + "1\t1\t1\tREGENIE_BETA=.02;REGENIE_SE=.005;SE=.1\n"
    + f"rs2\t1\t20\tT\tC\tY\tUKB\tADD-WGR-FIRTH\t.9802\t.9\t1\t{P}\t.1\t500\t1\t1\t1\t500\t"
    + "1\t1\t1\tREGENIE_BETA=-.02;REGENIE_SE=.005;SE=.1\n"
    + "rs3\t23\t30\tAT\tA\tY\tUKB\tADD-WGR-FIRTH\tNA\tNA\tNA\tNA\tNA\tNA\t1\t1\t1\tNA\t"
    + "1\t1\t1\tNA\n",
    "fastGWA": "CHR\tSNP\tPOS\tA1\tA2\tN\tAF1\tBETA\tSE\tP\n"
    + f"1\trs1\t10\tA\tG\t900\t.3\t.02\t.005\t{P}\n1\trs2\t20\tC\tT\t1000\t.1\t-.02\t.005\t{P}\n"
    + "23\trs3\t30\tA\tAT\tNA\tNA\tNA\tNA\tNA\n",
    "GCTA --mlma": "Chr\tSNP\tbp\tA1\tA2\tFreq\tb\tse\tp\n"
    + f"1\trs1\t10\tA\tG\t.3\t.02\t.005\t{P}\n1\trs2\t20\tC\tT\t.1\t-.02\t.005\t{P}\n"
    + "23\trs3\t30\tA\tAT\tnan\t-nan\tinf\tnan\n",
    "GEMMA": "chr\trs\tps\tn_miss\tallele1\tallele0\taf\tbeta\tse\tlogl_H1\tl_remle\tp_wald\n"
    + f"1\trs1\t10\t0\tA\tG\t.3\t.02\t.005\t-2\t.4\t{P}\n"
    + f"1\trs2\t20\t0\tC\tT\t.1\t-.02\t.005\t-2\t.4\t{P}\n"
    + "23\trs3\t30\t0\tA\tAT\t-nan\tnan\tnan\tnan\tnan\tnan\n",
    "FinnGen": "#chrom\tpos\tref\talt\trsids\tnearest_genes\tpval\tmlogp\tbeta\tsebeta\taf_alt\t"
    + "af_alt_cases\taf_alt_controls\n"
    + f"1\t10\tG\tA\trs1\tOR4F5\t{P}\t{LP}\t.02\t.005\t.3\t.2\t.1\n"
    + f"1\t20\tT\tC\trs2,rs9\tOR4F5\t{P}\t{LP}\t-.02\t.005\t.1\t.2\t.1\n"
    + "23\t30\tAT\tA\trs3\t\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n",
    "Pan-UKB": "chr\tpos\tref\talt\taf_EUR\tbeta_EUR\tse_EUR\tneglog10_pval_EUR\tlow_confidence_EUR\n"
    + f"1\t10\tG\tA\t.3\t.02\t.005\t{LP}\tfalse\n1\t20\tT\tC\t.1\t-.02\t.005\t{LP}\ttrue\n"
    + "X\t30\tAT\tA\tNA\tNA\tNA\tNA\tNA\n",
    "gwaslab": "SNPID\trsID\tCHR\tPOS\tEA\tNEA\tSTATUS\tEAF\tBETA\tSE\tP\tN\n"
    + f"1:10:G:A\trs1\t1\t10\tA\tG\t1960099\t.3\t.02\t.005\t{P}\t900\n"
    + f"1:20:T:C\trs2\t1\t20\tC\tT\t1960099\t.1\t-.02\t.005\t{P}\t1000\n"
    + "23:30:AT:A\trs3\t23\t30\tA\tAT\t1960099\t\t\t\t\t\n",
    "GWAMA": "rs_number\treference_allele\tother_allele\teaf\tbeta\tse\tbeta_95L\tbeta_95U\tz\t"
    + "p-value\t_-log10_p-value\tq_statistic\tq_p-value\ti2\tn_studies\tn_samples\teffects\n"
    + f"rs1\tA\tG\t.3\t.02\t.005\t1\t1\t4\t{P}\t{LP}\t1\t1\t0\t2\t900\t++\n"
    + f"rs2\tC\tT\t.1\t-.02\t.005\t1\t1\t-4\t{P}\t{LP}\t1\t1\t0\t2\t1000\t--\n"
    + "rs3\tA\tAT\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\t??\n",
    "METAL": "MarkerName\tAllele1\tAllele2\tFreq1\tFreqSE\tEffect\tStdErr\tP-value\tDirection\tN\n"
    + f"rs1\ta\tg\t.3\t0\t.02\t.005\t{P}\t++\t900\nrs2\tc\tt\t.1\t0\t-.02\t.005\t{P}\t--\t1000\n"
    + "rs3\ta\tat\tNA\tNA\tNA\tNA\tNA\t??\tNA\n",
    "SNPTEST": "# Analysis: snptest v2.5.6\n# started: Mon\nalternate_ids rsid chromosome position "
    + "alleleA alleleB index average_maximum_posterior_call info all_AA all_AB all_BB all_NULL "
    + "all_total all_maf missing_data_proportion frequentist_add_pvalue frequentist_add_info "
    + "frequentist_add_beta_1 frequentist_add_se_1 comment\n"
    + f"a rs1 01 10 G A 1 1 1 1 1 1 0 900 .3 0 {P} 1 .02 .005 NA\n"
    + f"b rs2 01 20 T C 2 1 1 1 1 1 0 1000 .1 0 {P} 1 -.02 .005 NA\n"
    + "c rs3 0X 30 AT A 3 1 1 1 1 1 0 NA NA 0 NA NA NA NA monomorphic\n"
    + "# Completed successfully at Mon\n",
    "PGC (VCF-like)": "##fileformat=PGCsumstatsV1.0\n##shortName=x\n"
    + "#CHROM\tPOS\tID\tA1\tA2\tBETA\tSE\tPVAL\tFCAS\tFCON\tIMPINFO\tNEFFDIV2\tNCAS\tNCON\n"
    + f"1\t10\trs1\tA\tG\t.02\t.005\t{P}\t.2\t.3\t1\t450\t10\t20\n"
    + f"1\t20\trs2\tC\tT\t-.02\t.005\t{P}\t.2\t.1\t1\t500\t10\t20\n"
    + "X\t30\trs3\tA\tAT\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n",
    "PGC daner": "CHR\tSNP\tBP\tA1\tA2\tFRQ_A_100\tFRQ_U_800\tINFO\tOR\tSE\tP\tngt\tDirection\t"
    + "HetISqt\tHetDf\tHetPVa\tNca\tNco\tNeff_half\n"
    + f"1\trs1\t10\tA\tG\t.2\t.3\t1\t{math.exp(0.02)}\t.005\t{P}\t0\t++\t0\t1\t1\t9\t9\t450\n"
    + f"1\trs2\t20\tC\tT\t.2\t.1\t1\t{math.exp(-0.02)}\t.005\t{P}\t0\t++\t0\t1\t1\t9\t9\t500\n"
    + "23\trs3\t30\tA\tAT\tNA\tNA\t1\tNA\tNA\tNA\t0\t??\t0\t1\t1\tNA\tNA\tNA\n",
    "Neale lab": "variant\trsid\tminor_allele\tminor_AF\tlow_confidence_variant\t"
    + "n_complete_samples\tAC\tytx\tbeta\tse\ttstat\tpval\n"
    + f"1:10:G:A\trs1\tA\t.3\tfalse\t900\t5\t6\t.02\t.005\t4\t{P}\n"
    + f"1:20:T:C\trs2\tC\t.1\tfalse\t1000\t5\t6\t-.02\t.005\t-4\t{P}\n"
    + "X:30:AT:A\trs3\tA\tNaN\ttrue\tNaN\tNaN\tNaN\tNaN\tNaN\tNaN\tNaN\n",
    "FINEMAP .z": "rsid chromosome position allele1 allele2 maf beta se\n"
    + "rs1 01 10 A G .3 .02 .005\nrs2 01 20 C T .1 -.02 .005\nrs3 X 30 A AT NA NA NA\n",
    "MTAG": "SNP\tCHR\tBP\tA1\tA2\tZ\tN\tFRQ\tmtag_beta\tmtag_se\tmtag_z\tmtag_pval\n"
    + f"rs1\t1\t10\tA\tG\t3\t900\t.3\t.02\t.005\t4\t{P}\n"
    + f"rs2\t1\t20\tC\tT\t-3\t1000\t.1\t-.02\t.005\t-4\t{P}\n"
    + "rs3\t23\t30\tA\tAT\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n",
    "PLINK 1 --meta-analysis": " CHR BP SNP A1 A2 N P P(R) BETA BETA(R) Q I\n"
    + f" 1 10 rs1 A G 2 {P} .5 .02 .03 .5 0\n 1 20 rs2 C T 2 {P} .5 -.02 -.03 .5 0\n"
    + " 23 30 rs3 A AT 2 NA NA NA NA NA NA\n",
    "COJO": "SNP A1 A2 freq b se p N\n"
    + f"rs1 A G .3 .02 .005 {P} 900\nrs2 C T .1 -.02 .005 {P} 1000\nrs3 A AT NA NA NA NA NA\n",
    "A1 and A2 (PRSice, PRS-CS)": "SNP CHR BP A1 A2 N SE P OR INFO MAF\n"
    + f"rs1 1 10 A G 900 .005 {P} {math.exp(0.02)} 1 .3\n"
    + f"rs2 1 20 C T 1000 .005 {P} {math.exp(-0.02)} 1 .1\nrs3 23 30 A AT NA NA NA NA NA NA\n",
}

# of the first variant, in the columns of another version or option: {text: name of the format}
OTHER_FORMS = {
    "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ INFO N TEST BETA.Y1 SE.Y1 CHISQ.Y1 LOG10P.Y1 EXTRA\n"
    f"1 10 rs1 G A .3 1 900 ADD .02 .005 16 {LP} NA\n": "REGENIE",
    "CHR POS rsid SNPID Allele1 Allele2 AC_Allele2 AF_Allele2 imputationInfo N BETA SE Tstat "
    "p.value p.value.NA Is.SPA.converge varT varTstar AF.Cases AF.Controls N.Cases N.Controls\n"
    f"1 10 rs1 1:10 G A 9 .3 1 900 .02 .005 4 {P} .1 1 1 1 .2 .3 450 450\n": "SAIGE",
    "#chrom\tpos\tref\talt\trsids\tnearest_genes\tpval\tbeta\tsebeta\tmaf\tmaf_cases\tmaf_controls\n"
    f"1\t10\tG\tA\trs1\tX\t{P}\t.02\t.005\t.3\t.3\t.3\n": "FinnGen",
    "chr\tpos\tref\talt\taf_cases_AFR\taf_controls_AFR\tbeta_AFR\tse_AFR\tpval_AFR\n"
    f"1\t10\tG\tA\t.9\t.3\t.02\t.005\t{math.log(P)}\n": "Pan-UKB",
    f"MarkerName\tAllele1\tAllele2\tWeight\tZscore\tP-value\tDirection\nrs1\ta\tg\t900\t4\t{P}\t+\n": "METAL",
    "chr\trs\tps\tn_mis\tn_obs\tallele1\tallele0\taf\tbeta\tse\tp_wald\n"
    f"1\trs1\t10\t0\t900\tA\tG\t.3\t.02\t.005\t{P}\n": "GEMMA",
    "variant\trsid\tnCompleteSamples\tAC\tytx\tbeta\tse\ttstat\tpval\n"
    f"1:10:G:A\trs1\t900\t5\t6\t.02\t.005\t4\t{P}\n": "Neale lab",
    f"SNP\tA1\tA2\tBETA\tP\nrs1\tA\tG\t.02\t{P}\n": "A1 and A2 (PRSice, PRS-CS)",
    "hg19chrc\tsnpid\ta1\ta2\tbp\tinfo\tor\tse\tp\tngt\n"
    f"chr1\trs1\tA\tG\t10\t1\t{math.exp(0.02)}\t.005\t{P}\t0\n": "A1 and A2 (PRSice, PRS-CS)",
    "MarkerName\tCHR\tPOS\tA1\tA2\tEAF\tBeta\tSE\tPval\n"
    f"rs1\t1\t10\tA\tG\t.3\t.02\t.005\t{P}\n": "A1 and A2 (PRSice, PRS-CS)",
    "SNP\tA1\tA2\tBETA\tSE\nrs1\tA\tG\t.02\t.005\n": "A1 and A2 (PRSice, PRS-CS)",
    f" CHR SNP BP A1 F_A F_U A2 CHISQ P OR \n 1 rs1 10 A .3 .2 G 16 {P} 1.02 \n": "PLINK 1",
    "#CHROM\tPOS\tID\tREF\tALT\tPROVISIONAL_REF?\tA1\tFIRTH?\tTEST\tOBS_CT\tOR\tLOG(OR)_SE\t"
    f"Z_OR_F_STAT\tP\tERRCODE\n1\t10\trs1\tG\tA\tY\tA\tN\tADD\t900\t{math.exp(0.02)}\t.005\t4\t{P}\t.\n": "PLINK 2",
}
